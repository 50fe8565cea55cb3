"""Listing and reading a real S3 (moto), and one that is missing, closed, ill or not there."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest

from vbn_assets.errors import BucketError, BucketUnreachable, ManifestError, SettingsError, UnknownRelease
from vbn_assets.projects import VBN
from vbn_assets.releases.bucket import list_manifests, object_sizes, read_manifest, unsigned_client
from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import SampleBucket
from vbn_assets_tests.faulty_s3 import CUT, DENIED, UNAVAILABLE, faulty_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUESTIONS: list[Callable[[S3Client], Any]] = [
    lambda client: list_manifests(client, VBN),
    lambda client: object_sizes(client, VBN),
    lambda client: read_manifest(client, VBN, VBN.manifest_name("0.5.0")),
]


def put(bucket: SampleBucket, key: str, body: bytes = b"{}") -> None:
    bucket.client.put_object(Bucket=VBN.bucket, Key=key, Body=body, ACL="public-read")


def test_manifests_are_listed_over_all_pages_in_order_of_version(
    fresh_bucket: SampleBucket, caplog: pytest.LogCaptureFixture
) -> None:
    put(fresh_bucket, VBN.manifest_prefix() + VBN.manifest_name("0.10.0"))
    client = unsigned_client(fresh_bucket.endpoint, VBN.region)
    with caplog.at_level(logging.WARNING):
        listed = list_manifests(client, VBN, page_size=2)
    assert [manifest.version for manifest in listed] == ["0.3.0", "0.4.0", "0.10.0"]
    assert listed[-1].key == f"{VBN.s3_name}/manifests/{VBN.s3_name}_project_manifest_v0.10.0.json"
    assert listed[-1].size == 2
    assert listed[-1].etag == "99914b932bd37a50b983c5e7c90ae93b"
    assert not caplog.messages


def test_keys_that_are_no_manifest_are_ignored_with_a_warning(
    fresh_bucket: SampleBucket, caplog: pytest.LogCaptureFixture
) -> None:
    strange = ["", "README.txt", VBN.manifest_name("latest"), f"old/{VBN.manifest_name('0.1.0')}"]
    for name in strange:
        put(fresh_bucket, VBN.manifest_prefix() + name)
    client = unsigned_client(fresh_bucket.endpoint, VBN.region)
    with caplog.at_level(logging.WARNING):
        assert [manifest.version for manifest in list_manifests(client, VBN)] == ["0.3.0", "0.4.0"]
    assert {message.split(": ")[0] for message in caplog.messages} == {VBN.manifest_prefix() + name for name in strange}


def test_a_manifest_is_kept_as_bytes(sample_bucket: SampleProcess) -> None:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    release = read_manifest(client, VBN, VBN.manifest_name("0.5.0"))
    body = client.get_object(Bucket=VBN.bucket, Key=VBN.manifest_prefix() + release.manifest_name)["Body"].read()
    assert (release.version, release.raw) == ("0.5.0", body)


def test_sizes_are_those_of_every_version_over_all_pages(fresh_bucket: SampleBucket) -> None:
    key = f"{VBN.s3_name}/twice"
    put(fresh_bucket, key, b"1")
    put(fresh_bucket, key, b"22")
    client = unsigned_client(fresh_bucket.endpoint, VBN.region)
    sizes = object_sizes(client, VBN, page_size=3)
    assert sorted(size for (of, _), size in sizes.items() if of == key) == [1, 2]
    release = read_manifest(client, VBN, VBN.manifest_name("0.4.0"))
    assert all((file.key, file.version_id) in sizes for file in release.files())


def test_no_manifest_by_that_name(sample_bucket: SampleProcess) -> None:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    with pytest.raises(UnknownRelease, match=r"v9\.9\.9\.json: is not in"):
        read_manifest(client, VBN, VBN.manifest_name("9.9.9"))


def test_a_manifest_in_the_bucket_that_is_none(fresh_bucket: SampleBucket) -> None:
    put(fresh_bucket, VBN.manifest_prefix() + VBN.manifest_name("0.6.0"), b"[]")
    client = unsigned_client(fresh_bucket.endpoint, VBN.region)
    with pytest.raises(ManifestError, match=r"v0\.6\.0\.json"):
        read_manifest(client, VBN, VBN.manifest_name("0.6.0"))


def test_an_empty_prefix(sample_bucket: SampleProcess) -> None:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    with pytest.raises(BucketError, match="has no manifests") as caught:
        list_manifests(client, replace(VBN, s3_name="nothing-here"))
    assert not caught.value.retryable


def test_a_missing_bucket(sample_bucket: SampleProcess) -> None:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    with pytest.raises(BucketError, match="nobodys-bucket: there is no such bucket"):
        list_manifests(client, replace(VBN, bucket="nobodys-bucket"))


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (DENIED, BucketError, "refuses to be read.*403 AccessDenied"),
        (UNAVAILABLE, BucketUnreachable, "cannot answer now.*503 SlowDown"),
        (CUT, BucketUnreachable, "does not answer"),
    ],
)
def test_a_bucket_in_trouble_is_one_clear_line(
    ask: Callable[[S3Client], Any], fault: str, error: type[BucketError], text: str
) -> None:
    with faulty_s3() as s3:
        for name in ("", VBN.manifest_prefix() + VBN.manifest_name("0.5.0")):
            s3.objects[name, ""] = b"x" * 100
        s3.misbehave(repeat(fault))
        with pytest.raises(error, match=text) as caught:
            ask(unsigned_client(s3.url, VBN.region))
    assert caught.value.retryable == (error is BucketUnreachable)
    assert str(caught.value).startswith(VBN.bucket)
    assert "\n" not in str(caught.value)


def test_a_503_that_passes_is_survived() -> None:
    with faulty_s3() as s3:
        s3.objects[VBN.manifest_prefix() + VBN.manifest_name("0.5.0"), ""] = b"[]"
        s3.misbehave([UNAVAILABLE])
        with pytest.raises(ManifestError, match="JSON object"):
            read_manifest(unsigned_client(s3.url, VBN.region), VBN, VBN.manifest_name("0.5.0"))


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BucketUnreachable, match=f"{VBN.bucket}: does not answer"):
        list_manifests(unsigned_client(f"http://127.0.0.1:{port}", VBN.region), VBN)


def test_a_host_that_takes_no_connection_is_given_up_within_a_sensors_minute() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        started = time.monotonic()
        with pytest.raises(BucketUnreachable):
            list_manifests(unsigned_client(f"http://127.0.0.1:{deaf.getsockname()[1]}", VBN.region), VBN)
        assert 3 < time.monotonic() - started < 60
        for one in waiting:
            one.close()


def test_an_endpoint_that_is_no_address() -> None:
    with pytest.raises(SettingsError, match="AWS_ENDPOINT_URL"):
        unsigned_client("not an address", VBN.region)


def test_aws_settings_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody's")
    with pytest.raises(SettingsError, match="AWS_PROFILE"):
        unsigned_client(None, VBN.region)
