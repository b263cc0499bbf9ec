package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/selfdigest"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func made(t testing.TB) (file []byte, c *Calibration) {
	t.Helper()
	d, err := Make(request(t, place(120, 0.5, 1.2, -0.5, 7)))
	if err != nil {
		t.Fatal(err)
	}
	if file, c, err = d.Encode(); err != nil {
		t.Fatal(err)
	}
	return file, c
}

func TestAFileSaysWhatWasMade(t *testing.T) {
	d, err := Make(request(t, place(120, 0.5, 1.2, -0.5, 7)))
	if err != nil {
		t.Fatal(err)
	}
	file, c, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.FileSHA256 = c.FileSHA256
	if !reflect.DeepEqual(c.Document, *d) || c.Digest() != "sha256:"+selfdigest.Of(file) {
		t.Errorf("%+v, made %+v", c.Document, *d)
	}
	if c.Data.Patients != 60 || c.Data.Pictures != 120 || c.Made != "2026-03-01T12:00:00Z" {
		t.Errorf("%+v", c.Document)
	}
	// The same pictures make the same file.
	if again, _ := made(t); !bytes.Equal(again, file) {
		t.Error("made twice, it differs")
	}
}

func TestAModelIsCalibratedByItsOwnFileAlone(t *testing.T) {
	_, c := made(t)
	m := testmodel.Gated(t)
	calibrated, err := c.Apply(m)
	if err != nil {
		t.Fatal(err)
	}
	d := calibrated.Description()
	if *d.Calibration != c.Calibration || d.OperatingPoint("screening").Threshold != c.OperatingPoints[1].Threshold || m.Description().Calibration.Slope != 1.5 {
		t.Errorf("%+v", d.Decision)
	}
	if _, err := c.Apply(testmodel.Early(t)); !errors.Is(err, ErrOtherModel) || !strings.Contains(err.Error(), "tiny-gated") || !strings.Contains(err.Error(), "tiny-early") {
		t.Error(err)
	}
	other := *c
	other.Model.Version = "9.0.0"
	if _, err := other.Apply(m); !errors.Is(err, ErrOtherModel) {
		t.Error(err)
	}
}

// A model without a calibration and operating points of its own is given those of the protocol.
func TestAModelWithoutACalibrationIsGivenOne(t *testing.T) {
	r := request(t, place(300, 0.5, 1.2, -0.5, 7))
	r.Model = testmodel.Steps(t, 4)
	d, err := Make(r)
	if err != nil || len(d.OperatingPoints) != 2 || d.OperatingPoints[0].Name != "balanced" || d.OperatingPoints[1].Name != "screening" {
		t.Fatalf("%+v, %v", d, err)
	}
	_, c, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Apply(r.Model); err != nil || m.Description().Threshold != nil || m.Description().DecisionAt(2) != nil {
		t.Errorf("%v", err)
	}
}

// sealed is a file changed by hand, but with the digest that it then has.
func sealed(t testing.TB, file []byte, change func(map[string]any)) []byte {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(file, &d); err != nil {
		t.Fatal(err)
	}
	d["file_sha256"] = selfdigest.Zeros
	change(d)
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(out, []byte(selfdigest.Zeros), []byte(selfdigest.Of(out)), 1)
}

func TestFilesThatAreNoneAreRefused(t *testing.T) {
	file, _ := made(t)
	if _, err := Parse(sealed(t, file, func(map[string]any) {})); err != nil {
		t.Fatalf("sealed anew: %v", err)
	}
	if old, err := Parse(sealed(t, file, func(d map[string]any) { delete(d, "spread") })); err != nil || old.Spread != nil {
		t.Fatalf("of a version without spreads: %v, %v", old, err)
	}
	set := func(value any, path ...string) func(map[string]any) {
		return func(d map[string]any) {
			for _, key := range path[:len(path)-1] {
				d = d[key].(map[string]any)
			}
			d[path[len(path)-1]] = value
		}
	}
	without := func(path ...string) func(map[string]any) {
		return func(d map[string]any) {
			for _, key := range path[:len(path)-1] {
				d = d[key].(map[string]any)
			}
			delete(d, path[len(path)-1])
		}
	}
	point := func(key string, value any) func(map[string]any) {
		return func(d map[string]any) { d["operating_points"].([]any)[0].(map[string]any)[key] = value }
	}
	share := map[string]any{"value": 0.5, "low": 0.6, "high": 0.7}
	for name, change := range map[string]func(map[string]any){
		"format": set(2, "format"), "unknown key": set(1, "more"), "null": set(nil, "place"), "no place": set("", "place"),
		"long place": set(strings.Repeat("a", 101), "place"), "escapes": set("\x1b[2J", "place"), "time": set("yesterday", "made"),
		"model's name": set("A B", "model", "name"), "model's digest": set("sha256:00", "model", "digest"), "no model": without("model"),
		"slope": set(-1, "calibration", "slope"), "method": set("isotonic", "calibration", "method"), "prevalence": set(1, "calibration", "prevalence"),
		"no points": set([]any{}, "operating_points"), "threshold": point("threshold", 2), "point's name": point("name", "B"),
		"sensitivity": point("sensitivity", share), "ppv": point("ppv", share), "one label": set(0, "data", "positive"),
		"negative count": set(-1, "data", "unread"), "auc": set(1.5, "data", "auc"), "folds": set(0, "validation", "folds"),
		"spread": set(-0.1, "spread", "slope"), "half a spread": without("spread", "correlation"), "correlation": set(1.5, "spread", "correlation"),
		"accuracy": set(share, "validation", "after", "accuracy"), "gained": set(share, "validation", "gained", "ece"),
	} {
		if _, err := Parse(sealed(t, file, change)); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("x"), "an array": []byte("[]"), "cut short": file[:len(file)/2], "more after it": append(bytes.Clone(file), "{}"...),
		"a digit changed":  bytes.Replace(file, []byte(`"pictures": 120`), []byte(`"pictures": 121`), 1),
		"a key twice":      bytes.Replace(file, []byte(`"place":`), []byte(`"place": "x", "place":`), 1),
		"longer than read": append(bytes.Clone(file), bytes.Repeat([]byte{' '}, MaxBytes)...), "no text": {0xff, 0xfe},
	} {
		if _, err := Parse(bad); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryBitOfAFileIsInItsDigest(t *testing.T) {
	file, _ := made(t)
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if _, err := Parse(changed); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
}

func FuzzParse(f *testing.F) {
	file, _ := made(f)
	m := testmodel.Gated(f)
	f.Add(file)
	f.Add([]byte(`{"format": 1, "place": "x"}`))
	f.Add(file[:len(file)-40])
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		for _, p := range c.OperatingPoints {
			if math.IsNaN(p.Threshold) {
				t.Error("a threshold is no number")
			}
		}
		if _, err := c.Apply(m); err != nil && !errors.Is(err, ErrOtherModel) {
			t.Error(err)
		}
	})
}

// Whatever the digest says: what would be refused by it alone is tried as well.
func FuzzParseSealed(f *testing.F) {
	file, _ := made(f)
	f.Add(string(file))
	f.Fuzz(func(t *testing.T, text string) {
		var said struct {
			Digest string `json:"file_sha256"`
		}
		if json.Unmarshal([]byte(text), &said) != nil || len(said.Digest) != selfdigest.Digits || strings.Count(text, said.Digest) != 1 {
			return
		}
		zeroed := strings.Replace(text, said.Digest, selfdigest.Zeros, 1)
		data := []byte(strings.Replace(text, said.Digest, selfdigest.Of([]byte(zeroed)), 1))
		c, err := Parse(data)
		if err != nil {
			return
		}
		again, _, err := c.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := Parse(again); err != nil {
			t.Error(err)
		}
	})
}
