"""HTTP for those who run an election: a manifest that is being written, and the live state.

Spec: the OpenAPI description that these routes produce. Both are read only: a draft is judged and forgotten.
"""

import json
import platform
from base64 import b64encode
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from crypto.election.manifest import hash_manifest
from voting_server.elections.acts import show_body
from voting_server.elections.drafts import DraftIn, Place, draft
from voting_server.elections.evidence import README, audit, find_reports, name_of, pack
from voting_server.elections.live import Districts, LiveState, look
from voting_server.elections.prepared import prepare
from voting_server.elections.service import Elections
from voting_server.plumbing.problems import dictionary_of
from voting_server.roles.routes import Caller
from voting_server.roles.service import Roles
from voting_server.roles.store import ROLES


class FaultOut(BaseModel):
    """A field that lacks something."""

    at: str = Field(description="path of the field, for example officers[0].key")
    name: str = Field(description="what it lacks; the words stand in the dictionary under console.fault")


class CheckOut(BaseModel):
    """What came of one check."""

    id: str
    state: Literal["passed", "failed", "not run"]
    claim: str = Field(description="what the check demands, in the reader's language")
    reason: str = Field(description="why it failed, in English")


class PartOut(BaseModel):
    """One part entry's body."""

    type: Literal["contest", "units"]
    body: str = Field(description="canonical CBOR, base64")


class PreparedAct(BaseModel):
    """An act that officers could propose now."""

    type: str
    body: str = Field(description="canonical CBOR, base64, signed by nobody")
    plain: dict[str, Any] = Field(description="the same in plain values")


class PreparedActs(BaseModel):
    """What officers could propose now, the most urgent first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"acts": [{"type": "close", "body": "oA==", "plain": {"ballots": 7}}]}]}
    )

    acts: list[PreparedAct]


class DraftOut(BaseModel):
    """What a description gives; the bytes are there when nothing is missing, signed by nobody."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "faults": [{"at": "title.ky", "name": "empty"}],
                    "checks": [{"id": "MANIFEST" + "-1", "state": "not run", "claim": "Times rise.", "reason": ""}],
                    "parts": [],
                }
            ]
        }
    )

    faults: list[FaultOut]
    checks: list[CheckOut]
    manifest: str | None = Field(default=None, description="the manifest's body, base64")
    manifest_hash: str | None = None
    parts: list[PartOut]


def make_router(elections: Elections, roles: Roles) -> APIRouter:
    """Return the routes."""
    router, districts = APIRouter(tags=["console"]), Districts()

    @router.post("/manifests/checks")
    def check_draft(request: Request, asked: Caller, given: DraftIn) -> DraftOut:
        """Return the manifest that a description gives, with every check and what is missing; nothing is kept."""
        roles.require(asked, ROLES)
        texts, settings = dictionary_of(request), roles.context.settings
        log, receipt = elections.public_keys()
        origins = tuple(dict.fromkeys((settings.ballot_origin, settings.identity_origin)))
        made = draft(given, Place(log, receipt, settings.rp_id, origins))
        body = None if made.manifest is None else made.manifest.to_bytes()
        return DraftOut(
            faults=[FaultOut(at=each.at, name=each.name) for each in made.faults],
            checks=[
                CheckOut(
                    id=each.id,
                    state=each.state,
                    claim=texts(f"check.{each.id}") if f"check.{each.id}" in texts else "",
                    reason=each.reason,
                )
                for each in made.checks
            ],
            manifest=None if body is None else b64encode(body).decode(),
            manifest_hash=None if body is None else hash_manifest(given.kind, body).hex(),
            parts=[PartOut(type=name, body=b64encode(each.to_bytes()).decode()) for name, each in made.parts],
        )

    @router.get("/acts/prepared")
    def read_prepared(asked: Caller) -> PreparedActs:
        """Return bodies of the acts that the log waits for from officers; each is decoded again before it is signed."""
        roles.require(asked, ROLES)
        with elections.board.record() as record:
            acts = [(name, body.to_bytes()) for name, body in prepare(record)]
        rows = [
            PreparedAct(type=name, body=b64encode(body).decode(), plain=show_body(name, body)) for name, body in acts
        ]
        return PreparedActs(acts=rows)

    @router.get(
        "/evidence",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/zip": {}}, "description": "The archive."}},
    )
    def read_evidence(asked: Caller) -> StreamingResponse:
        """Return record, auditor's report, verifier, states and trail as one archive, to officers and operators."""
        person = roles.require(asked, {"officer", "operator"})
        state = elections.state()
        settings = roles.context.settings
        is_open = state.phase == "open"
        reports = audit(settings.published_dir, state.manifest_hash, state.counts.entries, is_open=is_open)
        given = find_reports(settings.data_dir / "reports")
        roles.note(person.id, "evidence", "", "done")
        acts = [{**asdict(each), "hash": each.hash.hex()} for each in roles.whole_trail()]
        trail = json.dumps(acts, ensure_ascii=False).encode()
        live = look(elections.board, roles.context.database.now_ms(), roles.context.limits.queue, districts)
        states = {
            "state/election.json": state.model_dump_json().encode(),
            "state/live.json": live.model_dump_json().encode(),
            "state/trail.json": trail,
        }
        states |= {f"report/{name}": content for name, content in reports.items()}
        states |= {f"report/given/{name}": content for name, content in given.items()}
        readme = README.format(
            short_name=state.short_name, manifest_hash=state.manifest_hash, python=platform.python_version()
        )
        headers = {
            "Content-Disposition": f'attachment; filename="{name_of(state.short_name)}"',
            "Cache-Control": "no-store",
        }
        content = pack(settings.published_dir, states, readme)
        return StreamingResponse(content, media_type="application/zip", headers=headers)

    @router.get("/live")
    def read_live(asked: Caller) -> LiveState:
        """Return turnout, queue, board, witnesses, drills and alarms, to anybody with a role."""
        roles.require(asked, ROLES)
        return look(elections.board, roles.context.database.now_ms(), roles.context.limits.queue, districts)

    return router
