"""Reads result objects as other systems do: pydicom and highdicom the DICOM ones, fhir.resources (R4B) the FHIR bundles, hl7 the
HL7 messages. The objects are written by

    go test -run TestAllObjectsAreMade -objects /tmp/objects .

in the folder above; then: python validate.py /tmp/objects (with highdicom, fhir.resources and hl7 installed)."""

import pathlib
import sys

import highdicom
import hl7
import pydicom
from fhir.resources.R4B.bundle import Bundle
from pydicom.sr.codedict import codes


def report(path):
    sr = highdicom.sr.srread(path)
    assert isinstance(sr, highdicom.sr.Comprehensive3DSR), type(sr)
    content = sr.content
    assert isinstance(content, highdicom.sr.MeasurementReport), type(content)
    assert sr.ConceptNameCodeSequence[0].CodeValue == "126000"
    observers = content.get_observer_contexts(observer_type=codes.DCM.Device)
    assert len(observers) == 1, observers
    device = observers[0].observer_identifying_attributes
    assert device.manufacturer_name == "spikeray" and device.model_name and device.serial_number
    groups = content.get_image_measurement_groups()
    assert len(groups) == 1, groups
    group = groups[0]
    assert group.tracking_uid and group.tracking_identifier
    sources = [s.referenced_sop_instance_uid for s in group.source_images]
    evidence = [i for s in sr.CurrentRequestedProcedureEvidenceSequence for e in s.ReferencedSeriesSequence for i in e.ReferencedSOPSequence]
    assert sources == [e.ReferencedSOPInstanceUID for e in evidence], sources
    measured = {m.name.meaning: (m.value, m.unit.value) for m in group.get_measurements()}
    assert "Probability before calibration" in measured and all(0 <= v <= 1 and u == "1" for v, u in measured.values()), measured
    found = {e.name.meaning: e.value.meaning for e in group.get_qualitative_evaluations()}
    return f"{group.finding_type and group.finding_type.meaning}: {measured} {found}"


def capture(path):
    ds = pydicom.dcmread(path)
    pixels = ds.pixel_array
    assert pixels.dtype == "uint8" and pixels.shape[:2] == (ds.Rows, ds.Columns)
    assert ds.BurnedInAnnotation == "YES" and len(ds.SourceImageSequence) == 1
    return f"{pixels.shape}, {ds.get('LossyImageCompression', 'no word of losses')}"


def bundle(path):
    b = Bundle.model_validate_json(path.read_bytes())
    kinds = [e.resource.get_resource_type() for e in b.entry]
    assert b.type == "transaction" and kinds[0] == "DiagnosticReport" and set(kinds[1:]) == {"Observation"}, kinds
    urls = {e.fullUrl for e in b.entry}
    assert all(r.reference in urls for r in b.entry[0].resource.result)
    return f"{len(kinds)} resources: {b.entry[0].resource.conclusion}"


def message(path):
    text = path.read_bytes().decode("utf-8")
    assert "\n" not in text
    m = hl7.parse(text)
    assert str(m["MSH"][0][9]) == "ORU^R01^ORU_R01" and str(m["MSH"][0][12]) == "2.5.1", m["MSH"]
    numbers = [str(x[5]) for x in m["OBX"] if str(x[2]) == "NM"]
    assert numbers and all(0 <= float(n) <= 1 for n in numbers)
    assert [int(str(x[1])) for x in m["OBX"]] == list(range(1, len(m["OBX"]) + 1))
    return f"PID-5 {m['PID'][0][5] if len(m['PID'][0]) > 5 else ''}; {len(m['OBX'])} observations"


READERS = {".sr": report, ".sc": capture, ".fhir": bundle, ".hl7": message}


def main():
    failed = 0
    paths = sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.suffix in READERS)
    for path in paths:
        try:
            print(path.name, READERS[path.suffix](path))
        except Exception as e:  # any, so that all are told
            failed += 1
            print(path.name, "FAILED", type(e).__name__, e)
    print(f"{len(paths)} objects, {failed} failed")
    sys.exit(1 if failed or not paths else 0)


main()
