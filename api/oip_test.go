package api

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// inferRequest is a request to infer, of a body with binary tensors or without.
func (s *service) inferRequest(path string, q *oip.InferRequest) *http.Request {
	s.t.Helper()
	body, header, err := q.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	r := request(s.t, http.MethodPost, s.url+path, bytes.NewReader(body))
	r.Header.Set(oip.HeaderLength, header)
	return r
}

func (s *service) infer(name string, q *oip.InferRequest) answer {
	s.t.Helper()
	return s.do(s.inferRequest("/v2/models/"+name+"/infer", q))
}

// inferJSON sends a request that is all JSON.
func (s *service) inferJSON(name, body string) answer {
	s.t.Helper()
	return s.do(request(s.t, http.MethodPost, s.url+"/v2/models/"+name+"/infer", strings.NewReader(body)))
}

// files is an input of picture files.
func files(pictures ...[]byte) []oip.Tensor {
	return []oip.Tensor{{Name: "image", Datatype: oip.Bytes, Shape: []int{len(pictures), 1}, Elements: pictures}}
}

// inferred reads an answer.
func (a answer) inferred(t testing.TB) *oip.InferResponse {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	m, err := oip.DecodeResponse(a.body, a.header.Get(oip.HeaderLength), oip.Limits{Elements: 64})
	if err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return m
}

// refused is the error of an answer that is one.
func (a answer) refused(t testing.TB, status int) string {
	t.Helper()
	var e oip.ErrorResponse
	a.decode(t, &e)
	if a.status != status || e.Error == "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d of type %q: %s, want %d", a.status, a.header.Get("Content-Type"), a.body, status)
	}
	return e.Error
}

func tensorOf(t testing.TB, m *oip.InferResponse, name string) oip.Tensor {
	t.Helper()
	for _, o := range m.Outputs {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("no output %s in %+v", name, m.Outputs)
	return oip.Tensor{}
}

func doubles(t testing.TB, m *oip.InferResponse, name string) []float64 {
	t.Helper()
	o := tensorOf(t, m, name)
	out := make([]float64, len(o.Data)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(o.Data[i*8:]))
	}
	return out
}

// The protocol's answer is the answer of /v1, whichever way the picture comes and the outputs go.
func TestInferAnswersAsPredictions(t *testing.T) {
	s := start(t, nil)
	pictures := [][]byte{testmodel.PNG(64, 48, 1), testmodel.PNG(40, 80, 2)}
	for _, name := range []string{"tiny-rows", "tiny-steps", "tiny-plain", "tiny-gated", "tiny-early"} {
		for _, asJSON := range []bool{false, true} {
			in := files(pictures...)
			in[0].AsJSON = asJSON
			if asJSON {
				in[0].Elements = nil
				for _, p := range pictures {
					in[0].Elements = append(in[0].Elements, []byte(base64.StdEncoding.EncodeToString(p)))
				}
			}
			m := s.infer(name, &oip.InferRequest{ID: "four two", Inputs: in, Parameters: oip.Parameters{"binary_data_output": !asJSON}}).inferred(t)
			if m.ModelName != name || m.ID != "four two" || m.ModelVersion == "" || m.Parameters["notice"] == "" {
				t.Errorf("%s: %+v", name, m)
			}
			for i, picture := range pictures {
				var want map[string]any
				s.post("?model="+name, picture).decode(t, &want)
				var got map[string]any
				if err := json.Unmarshal(tensorOf(t, m, "answer").Elements[i], &got); err != nil {
					t.Fatal(err)
				}
				for _, different := range []string{"id", "timing_ms"} {
					delete(want, different)
					delete(got, different)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, picture %d: %s", name, i, diff)
				}
				if p := doubles(t, m, "probability")[i]; p != want["probability"] {
					t.Errorf("%s, picture %d: probability %v, want %v", name, i, p, want["probability"])
				}
				if l := string(tensorOf(t, m, "label").Elements[i]); l != want["label"] {
					t.Errorf("%s, picture %d: label %v, want %v", name, i, l, want["label"])
				}
				raw := doubles(t, m, "raw_probability")[i]
				if soft := softmaxOf(tensorOf(t, m, "logits").Data[i*8:]); math.Abs(soft-raw) > 1e-6 && math.Abs(1-soft-raw) > 1e-6 {
					t.Errorf("%s, picture %d: the logits say %v, raw_probability is %v", name, i, soft, raw)
				}
			}
		}
	}
}

// softmaxOf is the first of two logits' probability.
func softmaxOf(logits []byte) float64 {
	a, b := math.Float32frombits(binary.LittleEndian.Uint32(logits)), math.Float32frombits(binary.LittleEndian.Uint32(logits[4:]))
	return 1 / (1 + math.Exp(float64(b)-float64(a)))
}

// A picture that its sender prepared, by the model's own preparation, has the answer of the picture.
func TestPreparedPixelsAnswerAsTheirPicture(t *testing.T) {
	s := start(t, nil)
	e, err := s.server.config.Models.Catalogue().Get("tiny-gated")
	if err != nil {
		t.Fatal(err)
	}
	file := testmodel.PNG(64, 48, 1)
	picture, err := radiograph.Decode(context.Background(), file, radiograph.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	pixels, err := e.Prepare(picture.Image)
	if err != nil {
		t.Fatal(err)
	}
	var want decided
	s.post("?model=tiny-gated", file).decode(t, &want)
	p := e.Description().Preparation
	floats := make([]byte, 0, len(pixels)*4)
	for _, v := range pixels {
		floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(float32(v)))
	}
	for _, in := range []oip.Tensor{
		{Datatype: oip.Uint8, Shape: []int{1, p.Height, p.Width}, Data: pixels},
		{Datatype: oip.Uint8, Shape: []int{p.Height, p.Width}, Data: pixels, AsJSON: true},
		{Datatype: oip.FP32, Shape: []int{1, 1, p.Height, p.Width}, Data: floats},
		{Datatype: oip.FP32, Shape: []int{1, p.Height, p.Width, 1}, Data: floats, AsJSON: true},
	} {
		in.Name = "pixels"
		m := s.infer("tiny-gated", &oip.InferRequest{Inputs: []oip.Tensor{in}}).inferred(t)
		if got := doubles(t, m, "probability"); len(got) != 1 || got[0] != want.Probability {
			t.Errorf("%s %v: %v, want %v", in.Datatype, in.Shape, got, want.Probability)
		}
		if w, _ := m.Parameters["warnings"].(string); !strings.HasPrefix(w, "prepared: ") {
			t.Errorf("warnings %q", w)
		}
		if m.Parameters["gate_accepted"] != want.Gate.Accepted {
			t.Errorf("the gate says %v, want %v", m.Parameters["gate_accepted"], want.Gate.Accepted)
		}
	}
}

// A body that is a picture's file and says so by the header is answered with bytes.
func TestRawBodyIsAPicture(t *testing.T) {
	s := start(t, nil)
	r := request(t, http.MethodPost, s.url+"/v2/models/tiny-rows/versions/"+versionOf(t, s, "tiny-rows")+"/infer", bytes.NewReader(testmodel.PNG(64, 48, 1)))
	r.Header.Set(oip.HeaderLength, "0")
	a := s.do(r)
	var want decided
	s.post("?model=tiny-rows", testmodel.PNG(64, 48, 1)).decode(t, &want)
	if got := doubles(t, a.inferred(t), "probability"); got[0] != want.Probability || a.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%v of type %s, want %v", got, a.header.Get("Content-Type"), want.Probability)
	}
	if hint := s.do(request(t, http.MethodPost, s.url+"/v2/models/tiny-rows/infer", bytes.NewReader(testmodel.PNG(9, 9, 1)))).refused(t, 400); !strings.Contains(hint, oip.HeaderLength+": 0") {
		t.Errorf("a picture without the header is told %q", hint)
	}
}

func entryOf(t testing.TB, s *service, name string) *pipeline.Entry {
	t.Helper()
	e, err := s.server.config.Models.Catalogue().Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func versionOf(t testing.TB, s *service, name string) string {
	t.Helper()
	return entryOf(t, s, name).Description().Version
}

// Only what is asked for is answered, each in the form asked for, and where all of it is JSON the answer is.
func TestOutputsAreThoseAskedFor(t *testing.T) {
	s := start(t, nil)
	in := files(testmodel.PNG(64, 48, 1))
	a := s.infer("tiny-rows", &oip.InferRequest{Inputs: in, Outputs: []oip.RequestedOutput{{Name: "label"}, {Name: "probability", Parameters: oip.Parameters{"binary_data": false}}}})
	m := a.inferred(t)
	if len(m.Outputs) != 2 || m.Outputs[0].Name != "label" || !m.Outputs[0].AsJSON || !m.Outputs[1].AsJSON || a.header.Get("Content-Type") != "application/json" || a.header.Get(oip.HeaderLength) != "" {
		t.Errorf("%s of type %s", a.body, a.header.Get("Content-Type"))
	}
	m = s.infer("tiny-rows", &oip.InferRequest{Inputs: in, Parameters: oip.Parameters{"binary_data_output": true},
		Outputs: []oip.RequestedOutput{{Name: "spikes"}, {Name: "label", Parameters: oip.Parameters{"binary_data": false}}}}).inferred(t)
	if m.Outputs[0].AsJSON || !m.Outputs[1].AsJSON {
		t.Errorf("%+v", m.Outputs)
	}
}

// After fewer steps than the model is calibrated for there is no decision: NaN, which is null in JSON, and no label.
func TestUndecidedAnswersAreNaN(t *testing.T) {
	s := start(t, nil)
	for _, binary := range []bool{true, false} {
		m := s.infer("tiny-steps", &oip.InferRequest{Inputs: files(testmodel.PNG(64, 48, 1)),
			Parameters: oip.Parameters{"steps": 3, "binary_data_output": binary}}).inferred(t)
		if p := doubles(t, m, "probability"); !math.IsNaN(p[0]) {
			t.Errorf("probability %v", p)
		}
		if l := tensorOf(t, m, "label").Elements; len(l[0]) > 0 {
			t.Errorf("label %q", l)
		}
		if w, _ := m.Parameters["warnings"].(string); !strings.Contains(w, "uncalibrated") {
			t.Errorf("warnings %q", w)
		}
		if n := binaryUint(tensorOf(t, m, "steps").Data); n != 3 {
			t.Errorf("%d steps", n)
		}
	}
}

func binaryUint(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// What is compressed is taken, within bounds.
func TestCompressedBodies(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxRequestBytes = 4 << 20 })
	q := &oip.InferRequest{Inputs: files(testmodel.PNG(64, 48, 1))}
	body, length, err := q.Encode()
	if err != nil {
		t.Fatal(err)
	}
	packed := func(encoding string, b []byte) []byte {
		var out bytes.Buffer
		var w io.WriteCloser = gzip.NewWriter(&out)
		if encoding == "deflate" {
			w = zlib.NewWriter(&out)
		}
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	send := func(encoding string, b []byte) answer {
		r := request(t, http.MethodPost, s.url+"/v2/models/tiny-rows/infer", bytes.NewReader(b))
		r.Header.Set("Content-Encoding", encoding)
		r.Header.Set(oip.HeaderLength, length)
		return s.do(r)
	}
	want := doubles(t, s.infer("tiny-rows", q).inferred(t), "probability")
	for _, encoding := range []string{"gzip", "deflate"} {
		whole := packed(encoding, body)
		if got := doubles(t, send(encoding, whole).inferred(t), "probability"); got[0] != want[0] {
			t.Errorf("%s: %v, want %v", encoding, got, want)
		}
		send(encoding, whole[:len(whole)-3]).refused(t, 400)
		send(encoding, append(whole, "more"...)).refused(t, 400)
		damaged := bytes.Clone(whole)
		damaged[len(damaged)/2] ^= 0xff
		send(encoding, damaged).refused(t, 400)
		if e := send(encoding, packed(encoding, make([]byte, 3<<20))).refused(t, 413); !strings.Contains(e, "times as long") {
			t.Errorf("%s: a bomb is told %q", encoding, e)
		}
		noise := make([]byte, 5<<20)
		for i := range noise {
			noise[i] = byte(i * i >> 3)
		}
		send(encoding, packed(encoding, noise)).refused(t, 413)
	}
	send("br", body).refused(t, 415)
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// Everything that is not as it must be is refused with the protocol's error, and nothing is left out in silence.
func TestInferRefuses(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxImages, c.MaxImageBytes = 2, 2000 })
	picture := base64.StdEncoding.EncodeToString(testmodel.PNG(20, 20, 1))
	image := `{"name":"image","datatype":"BYTES","shape":[1],"data":["` + picture + `"]}`
	with := func(more string) string { return `{"inputs":[` + image + `],` + more + `}` }
	pixels := func(rest string) string { return `{"inputs":[{"name":"pixels",` + rest + `}]}` }
	p, err := s.server.config.Models.Catalogue().Get("tiny-rows")
	if err != nil {
		t.Fatal(err)
	}
	size := p.Description().Preparation
	flat := func(first string) string {
		return first + strings.Repeat(",7", size.Width*size.Height-1)
	}
	hw := fmt.Sprintf("%d,%d", size.Height, size.Width)
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"nothing":            {``, 400, ""},
		"no inputs":          {`{"id":"1"}`, 400, "inputs"},
		"two inputs":         {`{"inputs":[` + image + `,` + image + `]}`, 400, "must have one"},
		"another name":       {strings.Replace(with(`"id":""`), `"image"`, `"x"`, 1), 400, `"pixels"`},
		"not base64":         {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["%%%"]}]}`, 400, "base64"},
		"no picture":         {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["aGVsbG8="]}]}`, 400, "not a picture"},
		"no elements":        {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[0],"data":[]}]}`, 400, "no picture"},
		"another type":       {`{"inputs":[{"name":"image","datatype":"FP32","shape":[1],"data":[1]}]}`, 400, "BYTES"},
		"another shape":      {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1,1,1],"data":["` + picture + `"]}]}`, 400, "must be [pictures, 1]"},
		"too many":           {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[3],"data":["a","b","c"]}]}`, 413, "at most 2"},
		"too long":           {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["` + strings.Repeat("AAAA", 1000) + `"]}]}`, 413, "at most 2000"},
		"second is bad":      {`{"inputs":[{"name":"image","datatype":"BYTES","shape":[2],"data":["` + picture + `","aGVsbG8="]}]}`, 400, "picture 2 of 2: radiograph"},
		"files as a matrix":  {`{"inputs":[{"name":"image","datatype":"UINT8","shape":[2,2],"data":[1,2,3,4]}]}`, 400, "one file"},
		"shared memory":      {strings.Replace(with(`"id":""`), `"shape"`, `"parameters":{"shared_memory_region":"a"},"shape"`, 1), 400, "shared memory"},
		"unknown of input":   {strings.Replace(with(`"id":""`), `"shape"`, `"parameters":{"colour":"a"},"shape"`, 1), 400, "not known"},
		"unknown parameter":  {with(`"parameters":{"colour":1}`), 400, "operating_point"},
		"a sequence":         {with(`"parameters":{"sequence_id":1}`), 400, "sequences"},
		"a threshold":        {with(`"parameters":{"threshold":2}`), 400, "0 to 1"},
		"no number":          {with(`"parameters":{"threshold":"0.5"}`), 400, "number"},
		"steps":              {with(`"parameters":{"steps":1}`), 400, "steps"},
		"half a step":        {with(`"parameters":{"steps":1.5}`), 400, "whole"},
		"bits of pixels":     {`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[` + hw + `],"data":[` + flat("1") + `]}],"parameters":{"bits":12}}`, 400, "files"},
		"an unknown key":     {with(`"parameter":{"steps":1}`), 400, `"parameter"`},
		"a priority":         {with(`"parameters":{"priority":"first"}`), 400, "interactive"},
		"a deadline":         {with(`"parameters":{"deadline_ms":0}`), 400, "1 to"},
		"an operating point": {with(`"parameters":{"operating_point":"none"}`), 400, "operating point"},
		"binary?":            {with(`"parameters":{"binary_data_output":1}`), 400, "true or false"},
		"unknown output":     {with(`"outputs":[{"name":"heat"}]`), 400, "probability"},
		"output twice":       {with(`"outputs":[{"name":"label"},{"name":"label"}]`), 400, "twice"},
		"classification":     {with(`"outputs":[{"name":"logits","parameters":{"classification":2}}]`), 400, "classification extension"},
		"shared output":      {with(`"outputs":[{"name":"logits","parameters":{"shared_memory_region":"a"}}]`), 400, "shared memory"},
		"pixels' shape":      {pixels(`"datatype":"UINT8","shape":[2,2],"data":[1,2,3,4]`), 400, "[pictures, "},
		"pixels' type":       {pixels(`"datatype":"INT32","shape":[` + hw + `],"data":[` + flat("1") + `]`), 400, "UINT8 or FP32"},
		"too many pixels":    {pixels(`"datatype":"UINT8","shape":[3,` + hw + `],"data":[` + flat("1") + "," + flat("1") + "," + flat("1") + `]`), 413, "at most 2"},
		"a fraction":         {pixels(`"datatype":"FP32","shape":[` + hw + `],"data":[` + flat("0.5") + `]`), 400, "whole number from 0 to 255"},
		"a NaN":              {pixels(`"datatype":"FP32","shape":[` + hw + `],"data":[` + flat("null") + `]`), 400, "whole number from 0 to 255"},
		"below 0":            {pixels(`"datatype":"FP32","shape":[` + hw + `],"data":[` + flat("-1") + `]`), 400, "whole number from 0 to 255"},
		"above 255":          {pixels(`"datatype":"FP32","shape":[` + hw + `],"data":[` + flat("256") + `]`), 400, "whole number from 0 to 255"},
		"one grey":           {pixels(`"datatype":"UINT8","shape":[` + hw + `],"data":[` + flat("7") + `]`), 422, "grey 7"},
	} {
		if said := s.inferJSON("tiny-rows", c.body).refused(t, c.status); !strings.Contains(said, c.says) {
			t.Errorf("%s: told %q, want %q in it", name, said, c.says)
		}
	}
	r := request(t, http.MethodPost, s.url+"/v2/models/tiny-rows/infer?steps=1", strings.NewReader(with(`"id":""`)))
	if said := s.do(r).refused(t, 400); !strings.Contains(said, "no query") {
		t.Errorf("a query is told %q", said)
	}
	r = request(t, http.MethodPost, s.url+"/v2/models/tiny-rows/infer", strings.NewReader(with(`"id":""`)))
	r.Header[oip.HeaderLength] = []string{"0", "7"}
	if said := s.do(r).refused(t, 400); !strings.Contains(said, "more than once") {
		t.Errorf("two lengths are told %q", said)
	}
	for path, says := range map[string]string{
		"/v2/systemsharedmemory/status": "shared memory", "/v2/cudasharedmemory/region/a/status": "shared memory", "/v2/trace/setting": "traces",
		"/v2/logging": "--log-level", "/v2/x": "extensions", "/v2/models/none": "no model", "/v2/models/tiny-rows/versions/7": "no such version",
	} {
		if said := s.get(path).refused(t, 404); !strings.Contains(said, says) {
			t.Errorf("%s is told %q", path, said)
		}
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// A request by the protocol has its place in the queue, its limits and its metrics as any other.
func TestInferGoesThroughTheQueue(t *testing.T) {
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 1) })
	release := s.fillQueue()
	a := s.infer("tiny-rows", &oip.InferRequest{Inputs: files(testmodel.PNG(64, 48, 1))})
	a.refused(t, 503)
	release()
	s.infer("tiny-rows", &oip.InferRequest{Inputs: files(testmodel.PNG(64, 48, 1))}).inferred(t)
	metrics := string(s.get("/metrics").body)
	for _, line := range []string{
		`spikeray_rejections_total{reason="queue_full"} 1`,
		`spikeray_http_requests_total{code="200",method="POST",route="/v2/models/{model}/infer"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	var stats struct {
		Models []struct {
			Name       string `json:"name"`
			Last       int64  `json:"last_inference"`
			Inferences int    `json:"inference_count"`
			Stages     map[string]struct {
				Count int   `json:"count"`
				Nanos int64 `json:"ns"`
			} `json:"inference_stats"`
		} `json:"model_stats"`
	}
	s.post("?model=tiny-rows", testmodel.PNG(64, 48, 1))
	s.post("?model=tiny-rows", []byte("\x89PNG\r\n\x1a\n"))
	s.get("/v2/models/tiny-rows/stats").decode(t, &stats)
	if m := stats.Models; len(m) != 1 || m[0].Inferences != 2 || m[0].Stages["fail"].Count != 1 || m[0].Stages["compute_infer"].Count != 2 ||
		m[0].Stages["compute_infer"].Nanos <= 0 || m[0].Stages["success"].Nanos < m[0].Stages["compute_infer"].Nanos ||
		time.Since(time.UnixMilli(m[0].Last)) > time.Minute {
		t.Errorf("%+v", stats)
	}
	s.get("/v2/models/stats").decode(t, &stats)
	if len(stats.Models) != len(s.server.config.Models.Catalogue().All()) {
		t.Errorf("%+v", stats)
	}
}
