"""Every way in which the gateway refuses or fails, as one tree.

    GatewayError
      RequestError       REQUEST    the caller can mend it
      ServerError        SERVER     the operator can mend it
      ProviderFailure    PROVIDER   the embedding provider did it

One class a code: the class name is the code (NotFound is NOT_FOUND) and the docstring is its title in `errorCatalogue`.
The message of an instance says what happened and what to do; its facts stand beside the code in `extensions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class ErrorFamily(StrEnum):
    """Who has to act on an error."""

    REQUEST = "REQUEST"
    SERVER = "SERVER"
    PROVIDER = "PROVIDER"


class GatewayError(Exception):
    """A refusal or failure that a client can act on. `facts` must be JSON values and never hold a secret."""

    code: ClassVar[str]
    family: ClassVar[ErrorFamily]
    retryable: bool = False

    def __init__(self, message: str, *, retryable: bool | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = {name: value for name, value in facts.items() if value is not None}
        if retryable is not None:
            self.retryable = retryable

    def __init_subclass__(cls) -> None:
        """Give a class that has a family the code that its name spells."""
        if GatewayError not in cls.__bases__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper()

    @classmethod
    def title(cls) -> str:
        """The unvarying sentence of this code."""
        return " ".join((cls.__doc__ or "").split())

    @property
    def extensions(self) -> dict[str, object]:
        """What a GraphQL answer carries beside the message."""
        return {"code": self.code, "family": self.family.value, "retryable": self.retryable, **self.facts}


class RequestError(GatewayError):
    family = ErrorFamily.REQUEST


class ServerError(GatewayError):
    family = ErrorFamily.SERVER


class ProviderFailure(GatewayError):
    family = ErrorFamily.PROVIDER


# --- the call itself ---
class Unauthenticated(RequestError):
    """The request carries no valid access token."""


class PermissionDenied(RequestError):
    """The token's roles lack the permission that this needs."""


class NotFound(RequestError):
    """Nothing with this id exists, or the token may not see it."""


class BadInput(RequestError):
    """An argument, a document or the request itself is malformed."""


class AlreadyExists(RequestError):
    """The name or key is taken."""


class ConfirmationMismatch(RequestError):
    """The name typed to confirm a removal is not the name of what would be removed."""


class LimitExceeded(RequestError):
    """The request asks for more than one request may have."""


class RateLimited(RequestError):
    """Too many requests in the last minute."""

    retryable = True


# --- integrations, credentials, scopes ---
class ProviderUnknown(RequestError):
    """This deployment has no embedding provider of that key."""


class IntegrationNotEnabled(RequestError):
    """The organization has not enabled this embedding provider."""


class IntegrationNotAvailableInRegion(RequestError):
    """The hosted embedding provider is not available in the database's region."""


class IntegrationInUse(RequestError):
    """The integration still has credentials, or collections or vector columns attached."""


class CredentialNotFound(RequestError):
    """No credential of that name exists in the integration."""


class CredentialInUse(RequestError):
    """Collections or vector columns still use the credential."""


class CredentialRejected(RequestError):
    """The embedding provider does not accept the secret."""


class CredentialNotRollbackable(RequestError):
    """No earlier secret of this credential is kept any more."""


class DatabaseNotInScope(RequestError):
    """The database is not in the scope of the credential."""


class TooManyDatabases(RequestError):
    """More databases than one call may add to a scope."""


# --- models, parameters, vectors ---
class ModelUnknown(RequestError):
    """The embedding provider's catalogue has no model of that name."""


class DeprecatedModel(RequestError):
    """The model is deprecated and cannot be attached any more."""


class EndOfLifeModel(RequestError):
    """The model has reached its end of life and embeds no more."""


class InvalidProviderParameters(RequestError):
    """The parameters do not fit the embedding provider or the model."""


class UnsupportedVectorDimension(RequestError):
    """The dimension is one that the model, or PostgreSQL, cannot hold."""


class InvalidVector(RequestError):
    """The vector's values cannot be stored or compared."""


class InvalidVectorLength(RequestError):
    """The vector has another number of components than the target."""


class EmbeddingConfigurationPermanent(RequestError):
    """A collection's embedding configuration is fixed when it is created."""


class EmbeddingNotConfigured(RequestError):
    """No integration is attached that could embed text."""


class VectorizeAndVector(RequestError):
    """Text to embed and a vector were given where only one of them can be."""


class InvalidVectorizeValue(RequestError):
    """The text to embed is not a string, or is blank where text is needed."""


class VectorsNotEnabled(RequestError):
    """The collection holds no vectors."""


# --- tables and filters ---
class ColumnUnknown(RequestError):
    """The table has no column of that name."""


class ColumnNotVector(RequestError):
    """The column is not a vector column."""


class ColumnNotIndexed(RequestError):
    """The vector column has no vector index that is ready."""


class OneVectorColumnPerSearch(RequestError):
    """A search looks at one vector column, and several could be meant."""


class InvalidFilter(RequestError):
    """The filter is not one that the gateway understands."""


# --- embedding providers ---
class EmbeddingProviderTimeout(ProviderFailure):
    """The embedding provider did not answer in time."""

    retryable = True


class EmbeddingProviderRateLimited(ProviderFailure):
    """The embedding provider limits the rate, or the account's quota is used up."""

    retryable = True


class EmbeddingProviderClientError(ProviderFailure):
    """The embedding provider returned an HTTP client error."""


class EmbeddingProviderServerError(ProviderFailure):
    """The embedding provider returned an HTTP server error."""

    retryable = True


class EmbeddingProviderBadHostName(ProviderFailure):
    """The embedding provider's host name does not exist."""


class EmbeddingProviderUnexpectedResponse(ProviderFailure):
    """The embedding provider's answer is not what its interface promises."""


class EmbeddingProviderUnavailable(ProviderFailure):
    """The embedding provider cannot be reached, or failed so often that it is left alone for a while."""

    retryable = True


# --- the gateway ---
class DatabaseUnavailable(ServerError):
    """PostgreSQL cannot be reached."""

    retryable = True


class Internal(ServerError):
    """The gateway itself failed; the request id finds the reason in its log."""


CATALOGUE: Mapping[str, type[GatewayError]] = {
    kind.code: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, GatewayError) and hasattr(kind, "code")
}
"""Code -> error class, in the order of this file."""
