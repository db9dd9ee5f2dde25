"""The archive calls of Axxon PSIM: order a file, ask how it is, delete it, get a token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from downloads.services import RETRY_SECONDS
from exports.psim import answers, services, tokens
from exports.psim.authentication import (
    CHALLENGE,
    BasicAuthentication,
    PsimTokenAuthentication,
    SignInAuthentication,
)
from exports.psim.bodies import parameter, read_order, required, sent_values
from exports.psim.errors import bad
from exports.psim.models import ArchiveTask, PsimToken
from vms.accounts.authentication import IntegrationTokenAuthentication, SessionTokenAuthentication
from vms.accounts.models import Scope, Session, User
from vms.api.errors import as_refusal
from vms.api.links import origin
from vms.api.parsers import BodyParser, FormParser

# What browsers call pages of other sites, and of other servers of the same one.
FOREIGN = {"cross-site", "same-site"}
FOREIGN_PAGE = "Pages of other sites may not call this."
NOT_SIGNED_IN = "Sign in with login and password, or with a token that is good."


class AlwaysJson(BaseContentNegotiation):
    """Reads and answers JSON whatever the headers say: scripts seldom set them."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        known = list(parsers)
        kind = request.content_type.partition(";")[0].strip().lower()
        return next((one for one in known if one.media_type == kind), known[0])

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 - the base's signature
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


class PsimView(APIView):
    """What all calls share: who asks, and how they are refused."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = (
        BasicAuthentication,
        PsimTokenAuthentication,
        IntegrationTokenAuthentication,
        SessionTokenAuthentication,
    )
    parser_classes: tuple[type[BaseParser], ...] = (BodyParser,)
    content_negotiation_class = AlwaysJson
    integration_scope: ClassVar[str] = Scope.DOWNLOADS
    schema: Any = None  # described in exports.psim.openapi: the framework knows other refusals

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let no foreign page use the password that a browser remembers."""
        if request.headers.get("Sec-Fetch-Site") in FOREIGN:
            raise PermissionDenied(FOREIGN_PAGE)
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        return self.refuse

    def refuse(self, exc: Exception, _context: Mapping[str, Any]) -> Response | None:
        """Answer in PSIM's shape; None lets Django answer 500 and log it."""
        refusal = as_refusal(exc)
        if refusal is None:
            return None
        set_rollback()
        status, body, headers = refusal
        if status == HTTPStatus.UNAUTHORIZED:
            body, headers = {"message": NOT_SIGNED_IN}, {"WWW-Authenticate": CHALLENGE}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            headers = {"Retry-After": str(RETRY_SECONDS), **headers}
        return Response(self.refusal(body["message"]), status=status, headers=headers)

    def refusal(self, message: str) -> dict[str, Any]:
        """Make the body of a refusal; the task's id is repeated if it can be one."""
        sent = parameter(self.request.query_params, "archivetaskid") or ""
        return answers.refused_task(message, sent if services.read_id(sent) else None)

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101 - the permission class saw to it
        return user

    def task(self) -> ArchiveTask:
        return services.find_task(self.user, required(self.request.query_params, "archivetaskid"))

    def answer_status(self, task: ArchiveTask) -> Response:
        return fresh(answers.status(task, timezone.now(), origin(self.request)))


class CreateTaskView(PsimView):
    """`POST /createarchivetask`."""

    sent: Mapping[str, Any] = {}

    def post(self, request: Request) -> Response:
        self.sent = sent_values(request.data)
        asked = read_order(request.data)
        session_id = request.auth.pk if isinstance(request.auth, Session) else ""
        task = services.create_task(self.user, session_id, origin(request), asked, timezone.now())
        return fresh(answers.created(task, self.sent))

    def refusal(self, message: str) -> dict[str, Any]:
        return answers.refused_order(message, self.sent)


class TaskStatusView(PsimView):
    """`GET /getarchivetaskstatus?archivetaskid=`."""

    def get(self, request: Request) -> Response:  # noqa: ARG002 - the framework's signature
        return self.answer_status(self.task())


class DeleteTaskView(PsimView):
    """`POST` or `DELETE /deletearchivetask?archivetaskid=`."""

    def post(self, request: Request) -> Response:  # noqa: ARG002 - the framework's signature
        task = self.task()
        services.delete_task(task, timezone.now())
        return self.answer_status(task)

    def delete(self, request: Request) -> Response:
        return self.post(request)


class TokenView(PsimView):
    """`GET` or `POST /token?expires_in=`: a password for a token; 0 ends the one there is."""

    authentication_classes = (SignInAuthentication, PsimTokenAuthentication)
    parser_classes = (BodyParser, FormParser)

    def get(self, request: Request) -> Response:
        seconds = read_seconds(request)
        if seconds == 0:
            tokens.end_token(self.user)
            return token_answer("", 0)
        if isinstance(request.auth, PsimToken):
            raise NotAuthenticated  # a token gets no token: it would never end
        return token_answer(tokens.make_token(self.user, seconds, timezone.now()), seconds)

    def post(self, request: Request) -> Response:
        return self.get(request)


def read_seconds(request: Request) -> int:
    """Read `expires_in` from the address or the body; more than a day is a day.

    Raises:
        Refused: it is no whole number, or a negative one.
    """
    body = request.data if isinstance(request.data, Mapping) else {}
    text = parameter(request.query_params, "expires_in") or body.get("expires_in")
    if text in (None, ""):
        return tokens.USUAL_SECONDS
    digits = str(text).strip()
    if not (digits.isascii() and digits.isdigit()):
        raise bad("expires_in must be a whole number of seconds.")
    # So many digits are more than a day, however many follow.
    return min(int(digits.lstrip("0")[:9] or "0"), tokens.MOST_SECONDS)


def token_answer(token: str, seconds: int) -> Response:
    """Answer as documented: the seconds are text."""
    return fresh({"access_token": token, "token_type": "bearer", "expires_in": str(seconds)})


def fresh(body: Mapping[str, Any]) -> Response:
    """Answer what nobody on the way may keep."""
    return Response(body, headers={"Cache-Control": "no-store"})
