"""Lists of the operator pages that stay quick however many rows their tables have.

No page counts, sorts or offers for choice a whole table. A list leads through its first MOST rows;
what lies beyond is found by the search, which understands words that an index answers.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.filters import SimpleListFilter
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import smart_split, unescape_string_literal

from vms.accounts.models import User

MOST = 10_000
FEW = 20
MOST_WORDS = 5
MOST_DIGITS = 18  # what every database can hold as a whole number
FILTER_LOOKUPS = ("exact", "isnull", "gte", "lt")


class BoundedPaginator(Paginator):
    """Counts only so far as somebody would turn pages; a full count reads the whole table."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST].count())

    @property
    def is_cut(self) -> bool:
        """Say whether there may be more rows than pages lead to."""
        return self.count >= MOST


class OperatorAdmin(admin.ModelAdmin):
    """A table of any size up to some ten thousand rows: cameras, users, folders."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet counts the table
    list_per_page = 50
    list_max_show_all = 0
    actions_selection_counter = False
    # Fields that links of other pages narrow the list by, beside those of `list_filter`.
    lookups: tuple[str, ...] = ()
    # What goes when a row is deleted; told instead of listed, since it may be millions of rows.
    goes_along = ""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Allow the filters only: by others, secret columns could be guessed letter by letter."""
        allowed = set(self.lookups)
        for item in self.list_filter:
            if isinstance(item, type) and issubclass(item, SimpleListFilter):
                allowed.add(str(item.parameter_name))
            else:
                name = item[0] if isinstance(item, tuple | list) else item
                allowed.update(f"{name}__{end}" for end in FILTER_LOOKUPS)
        return lookup in allowed

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *arguments: Any, **options: Any
    ) -> Any:
        """Run an action on what is ticked, never on all that the list leads to."""
        ticked = request.POST.copy()
        ticked.pop("select_across", None)
        request.POST = ticked  # type: ignore[assignment]
        return super().response_action(request, queryset, *arguments, **options)

    def get_deleted_objects(
        self,
        objs: Any,
        request: HttpRequest,
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Name what is to be deleted without loading all that goes with it."""
        items = list(objs)
        names: list[Any] = []
        for item in items:
            names += [str(item), [self.goes_along]] if self.goes_along else [str(item)]
        kept = any(not self.has_delete_permission(request, item) for item in items)
        refused = {str(self.opts.verbose_name)} if kept else set()
        return names, {str(self.opts.verbose_name_plural): len(items)}, refused, []


class NewestFirst(ChangeList):
    """A list in the one order that its index has; sorting by another would read every row."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        self.params.pop(ORDER_VAR, None)
        self.filter_params.pop(ORDER_VAR, None)
        return list(super().get_ordering(request, queryset))


class GrowingAdmin(OperatorAdmin):
    """A table that grows with use: downloads, jobs, sessions, segments, events."""

    sortable_by = ()
    search_fields = ("pk",)  # shows the box; `find` answers

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's signature
        return NewestFirst

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look up the rows first and only then what is shown of them in other tables."""
        words = self.read_terms(search_term)
        if not words:
            return queryset, False
        found = self.model._default_manager.all()  # noqa: SLF001 - Django's own name
        for word in words:
            found = found.filter(self.find(word, request))
        order: Any = self.get_ordering(request) or self.opts.ordering
        return queryset.filter(pk__in=newest(found, *order)), False

    def read_terms(self, text: str) -> list[str]:
        """Split what was searched; words that are a name together stay together."""
        words = read_words(text)
        names = [word for word in words if not read_day(word) and not read_uuid(word)]
        whole = " ".join(names)
        if len(names) > 1 and self.is_name(whole):
            return [*(word for word in words if word not in names), whole]
        return words

    def is_name(self, text: str) -> bool:
        """Say whether a user has this in the name; pages that know other names ask there too."""
        return User.objects.filter(name__icontains=text).exists()

    def find(self, word: str, request: HttpRequest) -> Q:
        """Turn one word of a search into conditions on indexed columns."""
        raise NotImplementedError


class LookedAt(admin.ModelAdmin):
    """Rows that the server itself writes: shown, acted on, but not typed in."""

    rows_stay = False  # nor deleted here

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.rows_stay and super().has_delete_permission(request, obj)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Say who may use the actions: whoever may change, though nothing is typed in."""
        return super().has_change_permission(request)


NOTHING = Q(pk__in=())


def read_words(text: str) -> list[str]:
    """Split what was searched; quotes keep words together, what exceeds MOST_WORDS is left out."""
    words = []
    for bit in list(smart_split(text))[:MOST_WORDS]:
        quoted = len(bit) > 1 and bit[0] in "\"'" and bit[0] == bit[-1]
        words.append(unescape_string_literal(bit) if quoted else bit)
    return words


def read_number(word: str) -> int | None:
    is_number = word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS
    return int(word) if is_number else None


def read_uuid(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None


def read_address(word: str) -> str | None:
    try:
        return str(ip_address(word))
    except ValueError:
        return None


def read_day(word: str) -> tuple[datetime, datetime] | None:
    """Read a day such as 2026-03-10 as its begin and end; None for anything else."""
    try:
        day = date.fromisoformat(word) if "-" in word else None
        if day is None:
            return None
        return start_of(day), start_of(day + timedelta(days=1))
    except (ValueError, OverflowError):
        return None


def start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time())).astimezone(UTC)


def users_like(word: str, request: HttpRequest) -> list[Any]:
    """Find the ids of the users whose login or name holds *word*."""
    users = User.objects.filter(Q(login__icontains=word) | Q(name__icontains=word))
    return few(users, f"users match {word!r}", request)


def few(rows: QuerySet[Any], what: str, request: HttpRequest) -> list[Any]:
    """Return the ids of the first FEW rows; tell the operator when there are more."""
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[: FEW + 1])
    if len(ids) > FEW:
        text = f"More than {FEW} {what}; only some are shown. Write more of the name."
        messages.warning(request, text)
    return ids[:FEW]


def newest(rows: QuerySet[Any], *order: str) -> QuerySet[Any]:
    """Select the ids of the first MOST *rows*: a filter on another table stays bounded by it."""
    return rows.order_by(*order).values("pk")[:MOST]


def count_of(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
