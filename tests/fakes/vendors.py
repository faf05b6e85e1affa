"""The fake of each provider behind HTTP, by the provider's key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.fakes.azure_openai import AzureOpenAIFake
from tests.fakes.hugging_face import HuggingFaceFake
from tests.fakes.hugging_face_dedicated import HuggingFaceDedicatedFake
from tests.fakes.jina_ai import JinaAIFake
from tests.fakes.mistral import MistralFake
from tests.fakes.nvidia import NvidiaFake
from tests.fakes.openai import OpenAIFake
from tests.fakes.upstage import UpstageFake
from tests.fakes.vendor import VendorFake
from tests.fakes.voyage_ai import VoyageAIFake

FAKES: Mapping[str, type[VendorFake]] = MappingProxyType(
    {
        "azureOpenAI": AzureOpenAIFake,
        "huggingface": HuggingFaceFake,
        "huggingfaceDedicated": HuggingFaceDedicatedFake,
        "jinaAI": JinaAIFake,
        "mistral": MistralFake,
        "nvidia": NvidiaFake,
        "openai": OpenAIFake,
        "upstageAI": UpstageFake,
        "voyageAI": VoyageAIFake,
    }
)
