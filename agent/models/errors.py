"""What can go wrong with a model.

WinnowError
├── ModelError                the model, or the way to it, is at fault
│   ├── ContextFull           the conversation is longer than the model takes
│   ├── Refused               the endpoint's filter declined to answer
│   ├── ModelUnavailable      no answer after all repetitions: rate limit, overload, cut connection, time-out
│   ├── AuthenticationFailed  no key, or a wrong one
│   ├── ModelRejected         unknown model or parameter, or an answer that is none: repeating cannot help
│   └── ScriptEnded           a scripted or replayed model was asked more than it holds
└── BudgetExhausted           the budget does not cover the worst case of the next call; nothing was sent
    └── PriceUnknown          there is a limit in USD, and a price that nobody knows
"""

from typing import TYPE_CHECKING

from sandbox.errors import WinnowError

if TYPE_CHECKING:
    # Values are pydantic's, whose import takes longer than the rest of `winnow --help`.
    from agent.values import Usage


class ModelError(WinnowError):
    """The model, or the way to it, is at fault.

    Attributes:
        usage: what the failed call cost. None until the budget has settled it, or where nothing counts.
        maybe_billed: the endpoint may have worked, and may charge for it, although no answer came of it.
    """

    def __init__(
        self, message: str, *, hint: str = "", usage: "Usage | None" = None, maybe_billed: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.usage = usage
        self.maybe_billed = maybe_billed


class ContextFull(ModelError):
    """The conversation is longer than the model takes."""


class Refused(ModelError):
    """The endpoint's filter declined to answer."""


class ModelUnavailable(ModelError):
    """No answer after all repetitions.

    Attributes:
        retryable: another try may help. False: the account is used up, or the user asked to stop.
        retry_after_s: seconds that the endpoint asks to wait; None when it says nothing.
        limited: the endpoint takes too many calls now, and so it does for everybody who shares it.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        usage: "Usage | None" = None,
        maybe_billed: bool = False,
        retryable: bool = True,
        retry_after_s: float | None = None,
        limited: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, usage=usage, maybe_billed=maybe_billed)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.limited = limited


class AuthenticationFailed(ModelError):
    """No key, or a wrong one."""


class ModelRejected(ModelError):
    """The endpoint refused the request in a way that repeating cannot cure."""


class ScriptEnded(ModelError):
    """A scripted or replayed model was asked more than it holds, or something else than it holds."""


class BudgetExhausted(WinnowError):
    """The budget does not cover the worst case of the next call.

    Attributes:
        usage: what tries of the same call cost before this one was refused; None: there were none.
    """

    usage: "Usage | None" = None


class PriceUnknown(BudgetExhausted):
    """A limit in USD cannot be kept with a model whose price is unknown: unknown is not zero."""
