"""What can go wrong with a model.

WinnowError
├── ModelError
│   ├── ContextFull           the conversation is longer than the model takes
│   ├── Refused               the endpoint's filter declined to answer
│   ├── ModelUnavailable      no answer after all repetitions: rate limit, overload, cut connection, time-out
│   ├── AuthenticationFailed  no key, or a wrong one
│   ├── ModelRejected         unknown model or parameter, or an answer that is none: repeating cannot help
│   └── ScriptEnded           a scripted or replayed model was asked more than it holds
└── BudgetExhausted           the budget does not cover the worst case of the next call; nothing was sent
"""

from sandbox.errors import WinnowError


class ModelError(WinnowError):
    """The model, or the way to it, is at fault."""


class ContextFull(ModelError):
    """The conversation is longer than the model takes."""


class Refused(ModelError):
    """The endpoint's filter declined to answer."""


class ModelUnavailable(ModelError):
    """No answer after all repetitions."""


class AuthenticationFailed(ModelError):
    """No key, or a wrong one."""


class ModelRejected(ModelError):
    """The endpoint refused the request in a way that repeating cannot cure."""


class ScriptEnded(ModelError):
    """A scripted or replayed model was asked more than it holds, or something else than it holds."""


class BudgetExhausted(WinnowError):
    """The budget does not cover the worst case of the next call."""
