package dicom

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

func TestJSONIsThatOfPydicom(t *testing.T) {
	held := 0
	for name, want := range goldens(t) {
		if want.JSON == nil {
			continue
		}
		held++
		f, err := Parse(testfile(t, name+".dcm"), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := asJSON(t, f.Dataset)
		// The text of both is in UTF-8, which pydicom does not say.
		want.JSON["00080005"] = map[string]any{"vr": "CS", "Value": []any{"ISO_IR 192"}}
		if w, ok := want.JSON["00080008"].(map[string]any); ok {
			w["Value"].([]any)[2] = nil // empty values are null (PS3.18, F.2.5), as dcm2json has them
		}
		if w, ok := want.JSON["00081032"].(map[string]any); ok && len(w["Value"].([]any)) == 0 {
			delete(w, "Value")
		}
		for tag, w := range want.JSON {
			if g := got[tag]; !reflect.DeepEqual(g, w) {
				t.Errorf("%s: %s is %v, want %v", name, tag, g, w)
			}
		}
		if len(got) != len(want.JSON) {
			t.Errorf("%s: %d elements, want %d", name, len(got), len(want.JSON))
		}
	}
	if held < 5 {
		t.Errorf("only %d files compared", held)
	}
}

func asJSON(t *testing.T, d *Dataset) map[string]any {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return out
}

func TestJSONOfNumbers(t *testing.T) {
	var d Dataset
	d.SetStrings(WindowCenter, "+1.50", "", "about 5", "1e2", ".5")
	d.Set(Element{Tag: 0x00720076, VR: FL, Value: join(le32(0.1), le32(math.NaN()), le32(math.Inf(1)), le32(math.Inf(-1)))})
	d.Set(Element{Tag: 0x00720082, VR: SV, Value: []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
	d.Set(Element{Tag: 0x00080000, VR: UL, Value: []byte{1, 0, 0, 0}})
	got, err := json.Marshal(&d)
	const want = `{"00281050":{"vr":"DS","Value":[1.50,null,"about 5",1e2,0.5]},` +
		`"00720076":{"vr":"FL","Value":[0.1,"NaN","inf","-inf"]},"00720082":{"vr":"SV","Value":[-2]}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	d.Set(Element{Tag: Rows, VR: US, Value: []byte{1, 0, 2}})
	if _, err := json.Marshal(&d); err == nil {
		t.Error("a number of three halves is written")
	}
	d.Delete(Rows)
	d.Set(Element{Tag: PixelData, VR: OB, Fragments: [][]byte{{}, {1, 2}}})
	if _, err := json.Marshal(&d); err == nil {
		t.Error("encapsulated pixel data is written")
	}
}

func le32(f float64) []byte {
	v := math.Float32bits(float32(f))
	return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}
