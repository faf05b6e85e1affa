"""What can go wrong on this floor, as one tree. No message holds a secret, a parameter's value or a text.

Exception
  CatalogueError                      the operator's settings do not make a catalogue
  ConfigurationError                  refused before anything is sent
    UnknownModelError
    DeprecatedModelError
    EndOfLifeModelError
    InvalidParametersError
    UnsupportedDimensionError
  ProviderError                       the embedding provider did it
    ProviderTimeoutError              408, 504, or no answer in time
    ProviderRateLimitedError          429
    ProviderClientError               any other 4xx
    ProviderServerError               any other 5xx
    ProviderBadHostNameError          the host name does not exist
    ProviderUnexpectedResponseError   a redirect, or a 2xx that is not what was asked for
    ProviderUnavailableError          refused, reset or TLS failure, or not asked because it failed so often
  MalformedReplyError                 a parser's finding; leaves this floor as ProviderUnexpectedResponseError
"""

from __future__ import annotations

from collections.abc import Sequence

from providers.usage import NO_USAGE, Usage


class CatalogueError(Exception):
    """One or more settings about providers are wrong; `problems` has a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ConfigurationError(Exception):
    """A model, its dimension or its parameters cannot be used. `provider` is a key, `model` a name."""

    def __init__(self, message: str, *, provider: str, model: str) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model


class UnknownModelError(ConfigurationError):
    """The provider's catalogue has no model of that name."""


class DeprecatedModelError(ConfigurationError):
    """The model can still embed, and cannot be chosen any more."""


class EndOfLifeModelError(ConfigurationError):
    """The model embeds no more."""


class InvalidParametersError(ConfigurationError):
    """`problems` names each parameter that does not fit, with what is expected of it."""

    def __init__(self, problems: Sequence[str], *, provider: str, model: str) -> None:
        super().__init__("; ".join(problems) + ".", provider=provider, model=model)
        self.problems = tuple(problems)


class UnsupportedDimensionError(ConfigurationError):
    """The model cannot make vectors of that length. `dimension` is what was asked for, None for nothing."""

    def __init__(self, message: str, *, provider: str, model: str, dimension: int | None) -> None:
        super().__init__(message, provider=provider, model=model)
        self.dimension = dimension


class ProviderError(Exception):
    """An embedding provider's failure. `provider_message` is its own word, redacted and at most 500 characters long."""

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        http_status: int | None = None,
        provider_message: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.http_status = http_status
        self.provider_message = provider_message
        self.retry_after_seconds = retry_after_seconds
        self.usage: Usage = NO_USAGE
        """What the provider had counted for other batches of the call before it failed."""
        self.requests = 0
        """HTTP requests that the failed call had sent."""


class ProviderTimeoutError(ProviderError):
    """408, 504, a connection or reply that took too long, or the call's deadline."""


class ProviderRateLimitedError(ProviderError):
    """429. With `quota_exhausted` waiting does not help: the account has nothing left."""

    quota_exhausted = False


class ProviderClientError(ProviderError):
    """A 4xx other than 408 and 429. With `about_texts` it may be a text, and not the call, that is refused."""

    about_texts = False


class ProviderServerError(ProviderError):
    """A 5xx other than 504."""


class ProviderBadHostNameError(ProviderError):
    """The host name does not exist, as a wrong URL parameter makes it."""


class ProviderUnexpectedResponseError(ProviderError):
    """A redirect, or a success that is not JSON, not complete, not in order, not of the dimension or not finite."""


class ProviderUnavailableError(ProviderError):
    """The connection was refused or reset, TLS could not be agreed, or the provider is left alone for a while."""


class MalformedReplyError(Exception):
    """A reply is not what the interface promises; the message says how, as the end of a sentence."""
