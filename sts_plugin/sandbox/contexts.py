"""Provided contexts: what a context provider says of whoever is behind a call.

Owns: ProvidedContexts of AssumeRole. Never: whether the role's trust policy
allows them. Source: IAM Identity Center User Guide, "Identity-enhanced IAM role
sessions". AWS does not document the errors of a bad assertion.
"""

import re

from sts_plugin.sandbox.errors import StsError, validation_error
from sts_plugin.sandbox.estate import Ask, Estate
from sts_plugin.sandbox.validation import Value

__all__ = ["CONTEXT_PROVIDER_ARN", "check_contexts"]

CONTEXT_PROVIDER_ARN = "arn:aws:iam::aws:contextProvider/IdentityCenter"

_PROVIDER_ARN = re.compile(r"arn:aws:iam::aws:contextProvider/\w+")


def check_contexts(estate: Estate, ask: Ask) -> bool:
    """Return whether there are contexts, all of them good.

    Raises ``StsError`` ValidationError, or ExpiredTokenException.
    """
    contexts = ask.arguments.get("ProvidedContexts", [])
    assert isinstance(contexts, list)
    for context in contexts:
        assert isinstance(context, dict)
        _check_context(estate, ask, context)
    return bool(contexts)


def _check_context(estate: Estate, ask: Ask, context: dict[str, Value]) -> None:
    arn = str(context.get("ProviderArn", ""))
    if not _PROVIDER_ARN.fullmatch(arn):
        raise validation_error("The ARN of the context provider is invalid.")
    found = estate.contexts.open(str(context.get("ContextAssertion", "")))
    if found is None or found.provider_arn != arn:
        raise validation_error("The context assertion is invalid.")
    if ask.now >= found.expires_at:
        raise StsError(
            "ExpiredTokenException", 400, "The context assertion has expired."
        )
