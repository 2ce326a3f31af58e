"""The smallest application: POST {"num": 7} answers {"result": 49}."""

from json import JSONDecodeError

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse


@serve.deployment
class Square:
    async def __call__(self, request: Request) -> JSONResponse:
        if request.method != "POST":
            return JSONResponse({"error": 'POST {"num": 7}'}, status_code=405, headers={"allow": "POST"})
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            return JSONResponse({"error": "the body is not JSON"}, status_code=400)
        num = body.get("num") if isinstance(body, dict) else None
        if isinstance(num, bool) or not isinstance(num, int | float):
            return JSONResponse({"error": "num must be a number", "field": "num"}, status_code=422)
        return JSONResponse({"result": num * num})


app = Square.bind()
