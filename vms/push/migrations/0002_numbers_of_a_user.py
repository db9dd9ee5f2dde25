"""Events numbered by user; those there are keep the ids that clients may remember."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Max


def number(apps, _schema_editor):
    event = apps.get_model("push", "Event")
    feed = apps.get_model("push", "Feed")
    event.objects.update(number=F("id"), sent_at=F("created_at"))
    last = event.objects.values_list("user_id").annotate(Max("id")).order_by()
    feed.objects.bulk_create(feed(user_id=user_id, last=last) for user_id, last in last)


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("push", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Feed",
            fields=[
                ("user", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="+", serialize=False, to=settings.AUTH_USER_MODEL)),
                ("last", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="event",
            name="number",
            field=models.PositiveBigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="event",
            name="sent_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunPython(number, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="event", name="event_user_id"),
    ]
