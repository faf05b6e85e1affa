"""Azure OpenAI: learn.microsoft.com/azure/ai-services/openai/reference#embeddings, version 2024-10-21."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Complaint, Received


class AzureOpenAIFake(OpenAIFake):
    """The deployment decides the model; what `model` says is taken and not looked at."""

    base = ""
    path = "/openai/deployments/[^/]+/embeddings"
    query = MappingProxyType({"api-version": "2024-10-21"})
    fields = (*OpenAIFake.fields, "input_type")

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.deployments = {"small": "text-embedding-3-small", "large": "text-embedding-3-large"}
        self.deployments |= {name: name for name in self.models}

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("api-key")

    def model_of(self, received: Received) -> str:
        name = received.path.split("/")[3]
        if name not in self.deployments:
            raise self.refused(404, "The API deployment for this resource does not exist.", "DeploymentNotFound")
        return self.deployments[name]

    def error(self, complaint: Complaint) -> object:
        code = "401" if complaint.status == 401 else complaint.code or str(complaint.status)
        return {"error": {"code": code, "message": complaint.message}}
