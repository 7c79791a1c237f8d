"""The contract of a chat model. Implementations pass `tests/agent/models/test_conformance.py`."""

from typing import Protocol

from agent.models.values import ChatRequest, Reply


class ChatModel(Protocol):
    """Answers conversations. Safe to call from several threads at once; keeps nothing between calls."""

    @property
    def name(self) -> str:
        """As the user named it; stands in `Candidate.proposer` and in prices."""

    def complete(self, request: ChatRequest) -> Reply:
        """Answer once.

        What a repetition may cure (rate limit, overload, cut connection) was repeated before an error comes out.

        Raises:
            ContextFull: the conversation is longer than the model takes.
            Refused: the endpoint's filter declined.
            ModelUnavailable: no answer after all repetitions.
            AuthenticationFailed: no key, or a wrong one.
            ModelRejected: the endpoint does not know the model, or a parameter; repeating cannot help.
            BudgetExhausted: the budget does not cover the worst case of this call; nothing was sent.
        """
