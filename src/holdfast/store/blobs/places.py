"""From an address to a bucket: ``s3://``, ``gs://`` and ``az://`` with their options.

The one rule: everything is in the address or the options. obstore reads the environment when it makes a store (0.12.1), and has no
switch for that; so each key that says where requests go, as whom, and how, is given a value here, and the proxy is named to be left out.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from obstore.exceptions import BaseError

from holdfast.artifact.source import Source
from holdfast.errors import EnvironmentMissing, NotFound, quoted
from holdfast.store.blobs import SCHEMES
from holdfast.store.blobs.remote import RemoteBlobs
from holdfast.store.blobs.wrapped import RetryingBlobs

RETRIES = {"max_retries": 3, "retry_timeout": datetime.timedelta(seconds=60), "backoff": {"init_backoff": datetime.timedelta(milliseconds=100), "max_backoff": datetime.timedelta(seconds=5), "base": 2}}
_NO_PROXY = {"proxy_url": "http://127.0.0.1:9", "proxy_excludes": "*,0.0.0.0/0,::/0"}
_TIMES = {"timeout": "10m", "read_timeout": "30s", "connect_timeout": "10s"}
_CLIENT = ("timeout", "read_timeout", "connect_timeout", "proxy_url", "root_certificate")

_SECRETS = {
    "s3": ("access_key_id", "secret_access_key", "session_token"),
    "gs": ("bearer_token",),
    "az": ("account_key", "bearer_token", "sas_token"),
}
_OPTIONS = {
    "s3": ("endpoint", "region", "virtual_hosted_style_request", "skip_signature", "checksum_algorithm"),
    "gs": ("endpoint", "skip_signature"),
    "az": ("account_name", "endpoint", "skip_signature"),
}


def bucket(address: str, options: Mapping[str, Any] | None = None) -> RemoteBlobs:
    """Return the place for objects that an address of a bucket names.

    Args:
        address: ``s3://bucket/prefix?region=eu-central-1``, ``gs://bucket/prefix``, or ``az://container/prefix?account_name=...``.
        options: more of what may stand after the ``?``; and ``credential_provider``, a callable as those in `obstore.auth`.

    Raises:
        ValueError: the address names no bucket, an option is not known, or there is no key.
    """
    scheme, name, prefix = parts(address)
    # a plus stands for itself: there are some in keys, and nobody writes a blank here
    given = dict(parse_qsl(urlsplit(address).query.replace("+", "%2B"), keep_blank_values=True)) | dict(options or {})
    known = {*_OPTIONS[scheme], *_SECRETS[scheme], *_CLIENT, "credential_provider"}
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"{shown(address)}: there is no option {quoted(unknown[0], 60)!r}; there are {', '.join(sorted(known))}")
    if not callable(given.get("credential_provider", dict)):
        raise ValueError(f"{shown(address)}: credential_provider is a callable, and stands in blob_options, not in the address")
    client = {key: given.pop(key) for key in _CLIENT if key in given}
    where = f"{scheme}://{name}/{prefix}" if prefix else f"{scheme}://{name}"
    try:
        made, endpoint = _MAKERS[scheme](name, given, _TIMES | ({"proxy_excludes": ""} if "proxy_url" in client else _NO_PROXY) | client, where)
    except BaseError as error:
        said = quoted(str(error).partition("\n")[0], 200)
        raise EnvironmentMissing(f"obstore refuses these options ({said}); variables of the environment that begin with AWS_, GOOGLE_ or AZURE_ may be in its way: unset them", file=where) from None
    return RemoteBlobs(made, prefix, where, f"{where} at {endpoint}")


def fetched(address: str) -> Source:
    """Bring one object here, into memory of our own.

    Args:
        address: as that of a bucket, with the whole name of the object, such as ``s3://bucket/models/churn.safetensors?region=eu-central-1``.

    Raises:
        NotFound: there is no such object.
        Unavailable: the server does not answer, or refuses.
        ValueError: it names no object, or there is no key.
    """
    scheme, name, path = parts(address)
    prefix, _, key = path.rpartition("/")
    if not key:
        raise ValueError(f"{shown(address)} names a bucket and no object in it; for a store: holdfast.connect('postgresql://host/database?blobs={shown(address)}')")
    _, mark, query = address.partition("?")
    blobs = RetryingBlobs(bucket(f"{scheme}://{name}/{quote(prefix)}{mark}{query}"))
    try:
        with blobs.open(key) as source:
            return Source(shown(address), source.size, source.private(0, source.size))
    except NotFound:
        raise NotFound("there is no such object", file=shown(address)) from None


def parts(address: str) -> tuple[str, str, str]:
    """Return scheme, bucket and prefix of an address.

    Raises:
        ValueError: it names no bucket.
    """
    split = urlsplit(address)
    path = unquote(split.path).strip("/")
    if split.scheme not in SCHEMES or not split.netloc or "@" in split.netloc or any(part in ("", ".", "..") for part in path.split("/") if path):
        raise ValueError(f"{shown(address)} is no address of a bucket; it looks like s3://bucket/prefix?region=eu-central-1")
    return split.scheme, split.netloc, path


def shown(address: str) -> str:
    """Return an address without what stands after its ``?``: there may be keys in it."""
    return address.partition("?")[0]


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes")


def _s3(name: str, given: dict[str, Any], client: dict[str, Any], where: str) -> tuple[Any, str]:
    from obstore.store import S3Store

    region = str(given.get("region") or ("us-east-1" if given.get("endpoint") else ""))
    if not region:
        raise ValueError(f"{where} does not say in which region it is; give ?region=eu-central-1, or ?endpoint=https://... for a server that is not Amazon's")
    endpoint = str(given.get("endpoint") or f"https://s3.{region}.amazonaws.com")
    anonymous = _truth(given.get("skip_signature", False))
    token = given.get("session_token")
    keys = {"access_key_id": given.get("access_key_id"), "secret_access_key": given.get("secret_access_key"), "token": token, "expires_at": None}
    provider = given.get("credential_provider") or _fixed(keys, ("access_key_id", "secret_access_key"), anonymous, where)
    config = {
        "region": region, "endpoint": endpoint, "aws_endpoint_url_s3": endpoint, "virtual_hosted_style_request": _truth(given.get("virtual_hosted_style_request", False)),
        "skip_signature": anonymous, "checksum_algorithm": str(given.get("checksum_algorithm") or "SHA256"), "unsigned_payload": False, "request_payer": False, "conditional_put": "etag",
        # deleting many in one request is not known everywhere, and never needed here
        "s3_express": False, "disable_bulk_delete": True,
    }  # fmt: skip
    return S3Store(name, config=config, client_options=client | _plain(endpoint), retry_config=RETRIES, credential_provider=provider), endpoint  # type: ignore[arg-type]


def _gs(name: str, given: dict[str, Any], client: dict[str, Any], where: str) -> tuple[Any, str]:
    from obstore.store import GCSStore

    endpoint = str(given.get("endpoint") or "https://storage.googleapis.com")
    anonymous = _truth(given.get("skip_signature", False))
    config = {"base_url": endpoint, "skip_signature": anonymous}
    # no key of a service account: beside it, obstore would take a token of the environment; a write without a signature would do so too
    keys = {"token": "none" if anonymous else given.get("bearer_token"), "expires_at": None}
    provider = given.get("credential_provider") or _fixed(keys, ("token",), False, where, "bearer_token, or credential_provider=obstore.auth.google.GoogleCredentialProvider(...),")
    return GCSStore(name, config=config, client_options=client | _plain(endpoint), retry_config=RETRIES, credential_provider=provider), endpoint  # type: ignore[arg-type]


def _az(name: str, given: dict[str, Any], client: dict[str, Any], where: str) -> tuple[Any, str]:
    from obstore.store import AzureStore

    account = given.get("account_name")
    if not account:
        raise ValueError(f"{where} does not say in which account it is; give ?account_name=...")
    endpoint = str(given.get("endpoint") or f"https://{account}.blob.core.windows.net")
    anonymous = _truth(given.get("skip_signature", False))
    provider = given.get("credential_provider")
    if provider is None:
        kinds = {"access_key": given.get("account_key"), "token": given.get("bearer_token"), "sas_token": given.get("sas_token")}
        chosen = next((key for key, value in kinds.items() if value), "access_key")
        provider = _fixed({chosen: kinds[chosen], "expires_at": None}, (chosen,), anonymous, where, "account_key, bearer_token or sas_token")
    config = {"account_name": str(account), "endpoint": endpoint, "skip_signature": anonymous, "use_emulator": False, "use_fabric_endpoint": False, "use_azure_cli": False}
    return AzureStore(name, config=config, client_options=client | _plain(endpoint), retry_config=RETRIES, credential_provider=provider), endpoint  # type: ignore[arg-type]


_MAKERS = {"s3": _s3, "gs": _gs, "az": _az}


def _plain(endpoint: str) -> dict[str, Any]:
    return {"allow_http": endpoint.startswith("http://"), "allow_invalid_certificates": False}


def _fixed(keys: dict[str, Any], needed: tuple[str, ...], anonymous: bool, where: str, named: str = "") -> Any:
    """Return what gives these keys for every request; given to obstore, it looks for no others."""
    if anonymous:
        return None
    if not all(keys[key] for key in needed):
        what = named or " and ".join(needed)
        raise ValueError(f"{where} needs a key, and none is taken from the environment; give {what} in blob_options, or a credential_provider, or skip_signature=true for a public bucket")
    return lambda: dict(keys)
