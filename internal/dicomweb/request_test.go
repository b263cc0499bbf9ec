package dicomweb

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

func TestBoundaryOfWhatClientsSend(t *testing.T) {
	for field, want := range map[string]string{
		`multipart/related; type="application/dicom"; boundary=abc`:                                        "abc",
		`multipart/related; type=application/dicom; boundary=abc`:                                          "abc",
		`Multipart/Related;boundary="a b\"c";TYPE="application/dicom"`:                                     `a b"c`,
		`multipart/related; boundary=----=_Part_1.2?x:y`:                                                   "----=_Part_1.2?x:y",
		`multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.4.70"; boundary=a;`: "a",
		`multipart/related; type="application/dicom;transfer-syntax=*";start="<1>"; boundary = "a"`:        "a",
		`multipart/related; type="application/dicom"; boundary=4499a3a2-cd2b-4dca-87ff-40211196587f-4499a3a2-cd2b-4dca-87ff-40211196587f; a=`:// Orthanc's
		"4499a3a2-cd2b-4dca-87ff-40211196587f-4499a3a2-cd2b-4dca-87ff-40211196587f",
	} {
		if got, err := Boundary(field); err != nil || got != want {
			t.Errorf("%s: %q, %v", field, got, err)
		}
	}
	for field, want := range map[string]error{
		"": ErrMediaType, "application/dicom": ErrMediaType, "multipart/form-data; boundary=a": ErrMediaType,
		`multipart/related; type="application/dicom+json"; boundary=a`: ErrMediaType,
		`multipart/related; type="application/dicom+xml"; boundary=a`:  ErrMediaType,
		`multipart/related; type=""; boundary=a`:                       ErrMediaType,
		`multipart/related; type="application/dicom"`:                  ErrMalformed,
		`multipart/related; boundary=""`:                               ErrMalformed,
		`multipart/related; boundary="abc`:                             ErrMalformed,
		`multipart/related; boundary="abc" d`:                          ErrMalformed,
		`multipart/related; boundary`:                                  ErrMalformed,
		`multipart/related; boundary=a; boundary=b`:                    ErrMalformed,
		`multipart/related; ="a"`:                                      ErrMalformed,
		"multipart/related; boundary=" + strings.Repeat("x", 201):      ErrMalformed,
	} {
		if got, err := Boundary(field); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v, want %v", field, got, err, want)
		}
	}
}

func TestAnswersAreJSONUnlessOnlyOthersAreAccepted(t *testing.T) {
	for _, accept := range []string{"", "*/*", "application/dicom+json", "application/json", "application/*;q=0.1", "text/html, */*;q=0.8", "application/dicom+xml, application/dicom+json;q=0.5"} {
		if !TakesJSON([]string{accept}) {
			t.Errorf("%q does not", accept)
		}
	}
	if !TakesJSON(nil) || !TakesJSON([]string{"application/dicom+xml", "application/dicom+json"}) {
		t.Error("several do not")
	}
	for _, accept := range []string{"application/dicom+xml", `multipart/related; type="application/dicom+xml"`, "text/html", "application/dicom+json;q=0", "application/dicom+json;q=0.000, text/xml"} {
		if TakesJSON([]string{accept}) {
			t.Errorf("%q does", accept)
		}
	}
}

func TestResponseTellsWhatBecameOfEachFile(t *testing.T) {
	all := []Instance{
		{SOPClass: "1.2", SOPInstance: "1.2.1"},
		{SOPClass: "1.2", SOPInstance: "1.2.2", Warning: Coerced},
		{SOPClass: "1.2", SOPInstance: "1.2.3", Failure: Mismatch},
		{Failure: CannotUnderstand},
	}
	const stored = `{"00081150":{"vr":"UI","Value":["1.2"]},"00081155":{"vr":"UI","Value":["1.2.1"]}}`
	const warned = `{"00081150":{"vr":"UI","Value":["1.2"]},"00081155":{"vr":"UI","Value":["1.2.2"]},"00081196":{"vr":"US","Value":[45056]}}`
	const failed = `{"00081150":{"vr":"UI","Value":["1.2"]},"00081155":{"vr":"UI","Value":["1.2.3"]},"00081197":{"vr":"US","Value":[43264]}}`
	const other = `{"00081197":{"vr":"US","Value":[49152]}}`
	want := `{"00081198":{"vr":"SQ","Value":[` + failed + `]},"00081199":{"vr":"SQ","Value":[` + stored + `,` + warned + `]},"0008119A":{"vr":"SQ","Value":[` + other + `]}}`
	if got := response(t, all...); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// It is a data set that can be written and read, too.
	data, err := Response(all).Encode(dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := dicom.ParseDataset(data, dicom.ExplicitLittleEndian, dicom.Limits{}); err != nil || d.Len() != 3 {
		t.Errorf("%v", err)
	}
	for _, c := range []struct {
		instances []Instance
		want      int
	}{
		{all[:1], http.StatusOK}, {all[:2], http.StatusAccepted}, {all[1:3], http.StatusAccepted}, {all[2:], http.StatusConflict}, {all, http.StatusAccepted},
	} {
		if got := Status(c.instances); got != c.want {
			t.Errorf("%+v: %d, want %d", c.instances, got, c.want)
		}
	}
}

func FuzzBoundary(f *testing.F) {
	f.Add(`multipart/related; type="application/dicom"; boundary=abc`)
	f.Add(`multipart/related; boundary="a b\"c";TYPE=application/dicom;`)
	f.Fuzz(func(t *testing.T, field string) {
		b, err := Boundary(field)
		if err != nil {
			if !errors.Is(err, ErrMediaType) && !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if b == "" || len(b) > maxBoundary {
			t.Fatalf("%q", b)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":["42752"]}}]}}`)
	f.Add(409, `[{"0008119A":{"vr":"SQ","Value":[null]}}]`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		err := judge(status, []byte(body), nil, 1)
		if e := (*StoreError)(nil); err != nil && !errors.As(err, &e) {
			t.Fatalf("%T", err)
		}
		if err == nil && status != 200 && status != 202 && status != 409 {
			t.Fatalf("%d is taken for stored", status)
		}
	})
}
