"""Periodic tasks on the operator pages: when they run, to switch them off and on, to run one now.

What runs and how often is set in the settings and written anew whenever beat starts, so none of it
is typed here.
"""

from __future__ import annotations

from typing import Any

import django_celery_beat.admin  # noqa: F401 - registers what is replaced here
from celery import current_app
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from kombu.exceptions import OperationalError
from kombu.utils.json import loads

from vms.accounts.admin_lists import LookedAt, OperatorAdmin

BROKER_AWAY = "The broker cannot be reached, so nothing was started; look whether `up` runs."

for model in (PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(LookedAt, OperatorAdmin):
    rows_stay = True
    list_display = ("name", "enabled", "schedule", "last_run_at")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    ordering = ("name",)
    fields = ("name", "task", "enabled", "schedule", "queue", "last_run_at", "total_run_count")
    actions = ("run", "switch_on", "switch_off")

    @admin.display
    def schedule(self, task: Any) -> str:
        return str(task.interval or task.crontab or task.solar or task.clocked)

    @admin.action(description="Run the selected tasks now", permissions=["act"])
    def run(self, request: HttpRequest, tasks: QuerySet[Any]) -> None:
        sent = 0
        try:
            for task in tasks:
                queue = {"queue": task.queue} if task.queue else {}
                current_app.send_task(task.task, loads(task.args), loads(task.kwargs), **queue)
                sent += 1
        except OperationalError:
            self.message_user(request, BROKER_AWAY, messages.ERROR)
        if sent:
            self.message_user(request, f"Tasks started: {sent}.")

    @admin.action(description="Switch the selected tasks on", permissions=["act"])
    def switch_on(self, request: HttpRequest, tasks: QuerySet[Any]) -> None:
        self.switch(request, tasks, enabled=True)

    @admin.action(description="Switch the selected tasks off", permissions=["act"])
    def switch_off(self, request: HttpRequest, tasks: QuerySet[Any]) -> None:
        self.switch(request, tasks, enabled=False)

    def switch(self, request: HttpRequest, tasks: QuerySet[Any], *, enabled: bool) -> None:
        """Write it and tell beat, which looks at a row of its own for changes."""
        count = tasks.update(enabled=enabled)
        PeriodicTasks.update_changed()
        self.message_user(request, f"Tasks switched {'on' if enabled else 'off'}: {count}.")
