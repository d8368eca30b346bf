"""fhirpy against a served node: create, read, update, search with paging, transaction."""
import os

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

client = SyncFHIRClient(os.environ["BASE"], authorization="Bearer " + os.environ["TOKEN"])

patient = client.resource("Patient", name=[{"family": "Huanca", "given": ["Mario"]}], birthDate="1961-11-30")
patient.save()
assert patient.id and patient["meta"]["versionId"]
first_version = patient["meta"]["versionId"]
again = client.reference("Patient", patient.id).to_resource()
assert again["name"][0]["family"] == "Huanca"
again["gender"] = "male"
again.save()
assert again["meta"]["versionId"] != first_version

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
bundle.save()

found = client.resources("Condition").search(patient=patient.id).sort("-recorded-date").limit(10)
everything = found.fetch_all()
assert len(everything) == 23, len(everything)
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
except OperationOutcome:
    pass
print("fhirpy: create, read, update, transaction, search, paging, count")
