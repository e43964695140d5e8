"""Routes that answer GET, and say in JSON why they do not answer."""

from collections.abc import Callable
from typing import Any

from tensorboard import errors
from tensorboard.backend import http_util
from werkzeug import wrappers

from keras_xai.dashboard.refusal import Refusal


def get_only(answer: Callable[[wrappers.Request], wrappers.Response]) -> Any:
    """Makes a WSGI application of a function.

    Args:
        answer: gives the response; a `Refusal` becomes a status with `{"error": sentence}`, and so does what
            TensorBoard's data provider refuses.
    """

    @wrappers.Request.application
    def application(request: wrappers.Request) -> wrappers.Response:
        if request.method != "GET":
            return _error(request, 405, f"Only GET is answered here, not {request.method}.", [("Allow", "GET")])
        try:
            return answer(request)
        except Refusal as refusal:
            return _error(request, refusal.status, str(refusal))
        except errors.PublicError as error:
            return _error(request, error.http_code, f"TensorBoard refused to answer: {error}")

    return application


def _error(
    request: wrappers.Request, status: int, sentence: str, headers: list[tuple[str, str]] | None = None
) -> wrappers.Response:
    return http_util.Respond(request, {"error": sentence}, "application/json", code=status, headers=headers)
