"""fhirpy against a served node: create, read, update with If-Match, search with paging, transaction."""
import json
import os

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound


def connect(**headers):
    return SyncFHIRClient(
        os.environ["BASE"], authorization="Bearer " + os.environ["TOKEN"], extra_headers=headers
    )


client = connect()

patient = client.resource("Patient", name=[{"family": "Huanca", "given": ["Mario"]}], birthDate="1961-11-30")
patient.save()
assert patient.id and patient["meta"]["versionId"]
first_version = patient["meta"]["versionId"]
again = client.reference("Patient", patient.id).to_resource()
assert again["name"][0]["family"] == "Huanca"
again["gender"] = "male"
again.save()
second_version = again["meta"]["versionId"]
assert second_version != first_version


def save_if_match(version, **changes):
    """Saves the patient as read, changed, on the condition that `version` is still current."""
    careful = connect(**{"If-Match": f'W/"{version}"'})
    read = client.reference("Patient", patient.id).to_resource()
    # What the body says of its version must not stand in for the header.
    body = {**read.serialize(), **changes}
    body.pop("meta")
    return careful.resource("Patient", **body).save()


third = save_if_match(second_version, gender="other")
assert third["gender"] == "other"
assert third["meta"]["versionId"] not in (first_version, second_version)
try:
    save_if_match(second_version, gender="female")
    raise SystemExit("a stale If-Match overwrote what another had written")
except MultipleResourcesFound as refused:  # fhirpy's name for every 412
    outcome = json.loads(str(refused))
    assert outcome["resourceType"] == "OperationOutcome", outcome
    assert outcome["issue"][0]["code"] == "conflict", outcome
assert client.reference("Patient", patient.id).to_resource()["gender"] == "other"

entries = [
    {
        "resource": {
            "resourceType": "Condition",
            "code": {"text": f"Condition {n}"},
            "subject": {"reference": f"Patient/{patient.id}"},
            "recordedDate": f"2026-02-{n + 1:02d}",
        },
        "request": {"method": "POST", "url": "Condition"},
    }
    for n in range(23)
]
bundle = client.resource("Bundle", type="transaction", entry=entries)
posted = bundle.save()
assert len(posted["entry"]) == 23
assert all(item["response"]["status"].startswith("201") for item in posted["entry"])

found = client.resources("Condition").search(patient=patient.id).sort("-recorded-date").limit(10)
pages, page = [], found.fetch_raw()
while page:
    pages.append([item["resource"]["recordedDate"] for item in page["entry"]])
    following = [link["url"] for link in page["link"] if link["relation"] == "next"]
    page = client.execute(following[0], method="get") if following else None
assert [len(dates) for dates in pages] == [10, 10, 3], pages
dates = [date for dates in pages for date in dates]
assert dates == sorted(dates, reverse=True) and len(set(dates)) == 23, dates
everything = found.fetch_all()
assert [condition["recordedDate"] for condition in everything] == dates
assert found.count() == 23
assert client.resources("Patient").search(family="huan").first().id == patient.id
assert client.resources("Patient").search(birthdate__lt="1970").count() == 1

try:
    client.reference("Patient", "0190f5a0-0000-7000-8000-00000000dead").to_resource()
    raise SystemExit("a missing record was read")
except ResourceNotFound:
    pass
try:
    client.resources("Patient").search(**{"no-such-parameter": "x"}).fetch()
    raise SystemExit("a search by what the server does not know answered as if it did")
except OperationOutcome as refused:
    assert "no-such-parameter" in str(refused), refused
print("fhirpy: create, read, update with If-Match, transaction, search, paging, count")
