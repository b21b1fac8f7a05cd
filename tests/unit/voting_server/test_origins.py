"""Where a provider sends the voter's browser back to: the one origin at which this side is served."""

from pathlib import Path
from typing import Any

import pytest

from voting_server.plumbing.context import Context
from voting_server.plumbing.settings import Settings
from voting_server.voters.service import Voters

ORIGINS: dict[str, Any] = {"identity_origin": "https://id.example", "ballot_origin": "https://vote.example"}
ANSWER = "/identifications/oidc/answer"


@pytest.mark.parametrize(
    ("side", "redirect"),
    [("identity", f"https://id.example{ANSWER}"), ("desk", f"https://vote.example/identity{ANSWER}")],
)
def test_the_provider_sends_the_browser_back_to_where_this_side_is_served(
    tmp_path: Path,
    side: Any,  # noqa: ANN401
    redirect: str,
) -> None:
    provider: dict[str, Any] = {"oidc_issuer": "https://provider.example", "oidc_client": "dobush"}
    context = Context.open(Settings(side=side, data_dir=tmp_path, **ORIGINS, **provider), "identity")
    oidc = Voters(context).oidc
    context.close()
    assert oidc is not None
    assert oidc.redirect == redirect
