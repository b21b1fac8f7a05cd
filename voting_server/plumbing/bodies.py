"""Bodies of requests that are no JSON: raw bytes of an entry, with their media type required.

Spec: `docs/spec/encoding.md` (the entry). A form of a foreign page cannot send this media type, so that it needs the
same permission of the browser as any script would.

>>> cbor_body("one entry")["requestBody"]["required"]
True
"""

from typing import Annotated, Any

from fastapi import Depends, Request

from voting_server.plumbing.problems import ProblemError

CBOR = "application/cbor"


async def read_cbor(request: Request) -> bytes:
    """Return the whole body of a request, which must be of media type application/cbor. Raises ProblemError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CBOR:
        raise ProblemError("media-type", wanted=CBOR)
    return await request.body()


RawBody = Annotated[bytes, Depends(read_cbor)]
"""A parameter that receives the whole body, of media type application/cbor."""


def cbor_body(description: str) -> dict[str, Any]:
    """Return what a route that takes a `RawBody` says of it in the OpenAPI description (`openapi_extra`)."""
    content = {CBOR: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"description": description, "required": True, "content": content}}
