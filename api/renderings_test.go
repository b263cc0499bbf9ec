package api

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/tiff"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testcontext"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// render sends a raw picture to be shown.
func (s *service) render(query string, picture []byte) answer {
	s.t.Helper()
	r := request(s.t, http.MethodPost, s.url+"/v1/renderings"+query, bytes.NewReader(picture))
	r.Header.Set("Content-Type", "application/octet-stream")
	return s.do(r)
}

// shown is the grey picture of a rendering.
func (a answer) shown(t *testing.T) *image.Gray {
	t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != mediaPNG || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %.200q", a.status, a.header.Get("Content-Type"), a.body)
	}
	p, err := png.Decode(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	grey, ok := p.(*image.Gray)
	if !ok {
		t.Fatalf("%T", p)
	}
	return grey
}

func asTIFF(t *testing.T, p image.Image) []byte {
	var b bytes.Buffer
	if err := tiff.Encode(&b, p, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// turned is a JPEG file that says by EXIF that its picture is to be turned.
func turned(file []byte, orientation uint16) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	exif = append(binary.BigEndian.AppendUint16(exif, orientation), make([]byte, 6)...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return append(append(append([]byte{}, file[:2]...), append(segment, exif...)...), file[2:]...)
}

func TestARenderingIsTheFilmAsTheServiceSeesIt(t *testing.T) {
	s := start(t, func(c *Config) { c.Limits.TIFF = true })
	grey := testmodel.Picture(150, 120, 4)

	inverted := testmodel.Film(grey, func(d *dicom.Dataset) { d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME1") })
	f, err := film.Open(inverted)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	onItsSide := image.NewGray(image.Rect(0, 0, 120, 150)) // turned right, as EXIF's 6 is
	jpeg := s.render("", testmodel.JPEG(150, 120, 4)).shown(t)
	for y := range 150 {
		for x := range 120 {
			onItsSide.SetGray(x, y, jpeg.GrayAt(y, 119-x))
		}
	}
	for name, c := range map[string]struct {
		query string
		file  []byte
		want  image.Image
	}{
		"png":             {"", testmodel.PNG(150, 120, 4), grey},
		"dicom":           {"", inverted, shown.Image},
		"tiff":            {"?size=150", asTIFF(t, grey), grey},
		"turned jpeg":     {"", turned(testmodel.JPEG(150, 120, 4), 6), onItsSide},
		"16 bits":         {"", inBits(t, grey, 16, false), grey},
		"12 bits, stated": {"?bits=12", inBits(t, grey, 12, false), grey},
	} {
		got := s.render(c.query, c.file).shown(t)
		if got.Rect != c.want.Bounds() {
			t.Errorf("%s: %v, want %v", name, got.Rect, c.want.Bounds())
			continue
		}
		for i, v := range got.Pix {
			if want := color.GrayModel.Convert(c.want.At(i%got.Stride, i/got.Stride)).(color.Gray).Y; v != want {
				t.Errorf("%s: %d at %d, %d, want %d", name, v, i%got.Stride, i/got.Stride, want)
				break
			}
		}
	}
}

func TestARenderingHasTheSizeThatIsAskedFor(t *testing.T) {
	s := start(t, nil)
	large := testmodel.PNG(2100, 1050, 2)
	for query, want := range map[string]image.Point{
		"": {1024, 512}, "?size=64": {64, 32}, "?size=2048": {2048, 1024}, "?size=1000": {1000, 500},
	} {
		if got := s.render(query, large).shown(t).Rect.Size(); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if got := s.render("?size=2048", testmodel.PNG(90, 80, 1)).shown(t).Rect.Size(); got != image.Pt(90, 80) {
		t.Errorf("a small film becomes %v", got)
	}
}

func TestARenderingsParametersAreChecked(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	for _, query := range []string{
		"size=", "size=63", "size=2049", "size=-64", "size=64.0", "size=x", "size=99999999999999999999", "size=64&size=64",
		"bits=7", "bits=17", "bits=", "model=tiny-rows", "positions=64", "other=1", "%zz",
	} {
		if a := s.render("?"+query, picture); a.status != 400 || a.problem(t) != "invalid-parameter" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestARenderingIsOfOnePicture(t *testing.T) {
	s := start(t, nil)
	send := func(pictures ...[]byte) answer {
		body, contentType := form(t, "image", pictures...)
		r := request(t, http.MethodPost, s.url+"/v1/renderings", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return s.do(r)
	}
	picture := testmodel.PNG(64, 64, 1)
	send(picture).shown(t)
	if a := send(picture, picture); a.status != 400 || a.problem(t) != "malformed-request" {
		t.Errorf("two: %d %s", a.status, a.body)
	}
}

// largePNG is a PNG file that announces a side and has no pixels.
func largePNG(side uint32) []byte {
	file := []byte("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	for _, c := range []struct {
		kind string
		body []byte
	}{{"IHDR", append(header, 8, 0, 0, 0, 0)}, {"IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1}}, {"IEND", nil}} {
		checked := append([]byte(c.kind), c.body...)
		file = append(binary.BigEndian.AppendUint32(file, uint32(len(c.body))), checked...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(checked))
	}
	return file
}

// damaged is a PNG file whose pixels break off in the middle, which only decoding shows.
func damaged() []byte {
	file := testmodel.PNG(300, 300, 1)
	return bytes.Replace(file, file[2000:2010], make([]byte, 10), 1)
}

func TestWhatIsNotAnsweredIsNotShown(t *testing.T) {
	s := start(t, nil)
	whole := testmodel.PNG(300, 300, 1)
	flat := image.NewGray(image.Rect(0, 0, 64, 64))
	draw.Draw(flat, flat.Rect, image.NewUniform(color.Gray{Y: 128}), image.Point{}, draw.Src)
	var grey bytes.Buffer
	if err := png.Encode(&grey, flat); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		query   string
		file    []byte
		status  int
		problem string
	}{
		"nothing":               {"", nil, 400, "not-a-picture"},
		"text":                  {"", []byte("no picture"), 400, "not-a-picture"},
		"cut":                   {"", whole[:len(whole)/2], 400, "not-a-picture"},
		"damaged":               {"", damaged(), 400, "not-a-picture"},
		"a large header":        {"", largePNG(60000), 413, "too-large"},
		"another format":        {"", []byte("%PDF-1.7\n%%EOF"), 415, "unsupported-format"},
		"TIFF, switched off":    {"", asTIFF(t, flat), 415, "unsupported-format"},
		"all one grey":          {"", grey.Bytes(), 422, "not-a-radiograph"},
		"too small":             {"", testmodel.PNG(8, 8, 1), 422, "not-a-radiograph"},
		"bits of what has none": {"?bits=12", whole, 422, "sample-depth"},
		"CT":                    {"", namedFilm(func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, "CT") }), 422, "not-a-radiograph"},
		"a cut film":            {"", namedFilm(nil)[:9000], 400, "not-a-picture"},
	} {
		a := s.render(c.query, c.file)
		if a.status != c.status || a.problem(t) != c.problem || strings.Contains(string(a.body), planted) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// TestTheQueueKnowsWhatARenderingTakes, from the headers alone.
func TestTheQueueKnowsWhatARenderingTakes(t *testing.T) {
	s, _ := newServer(t, nil)
	task := func(size int, file []byte) Task {
		task, err := s.rendering(&filmRendering{size: size}, file)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	small, large := task(64, testmodel.PNG(2000, 1000, 1)), task(2000, testmodel.PNG(2000, 1000, 1))
	if small.Memory < 2000*1000+1<<20 || large.Memory < small.Memory+2*2000*1000*9/10 {
		t.Errorf("memory %d and %d", small.Memory, large.Memory)
	}
	if small.Work < time.Millisecond || large.Work < 2*small.Work || large.Size != large.Work {
		t.Errorf("work %v and %v, size %v", small.Work, large.Work, large.Size)
	}
	tight := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 1)
		c.Queue.Memory = memory.Task + 1<<20
	})
	if a := tight.render("", testmodel.PNG(2000, 1000, 1)); a.status != 413 || a.problem(t) != "too-large" {
		t.Errorf("a picture larger than all memory: %d %s", a.status, a.body)
	}
}

// TestARenderingIsTakenFromTheMemoryOfUploads, since a slow reader keeps it for as long.
func TestARenderingIsTakenFromTheMemoryOfUploads(t *testing.T) {
	picture := testmodel.JPEG(500, 500, 1)
	s := start(t, func(c *Config) { c.MaxUploadMemory = 200 << 10 })
	if a := s.render("", picture); a.status != 503 {
		t.Errorf("%d %.80s", a.status, a.body)
	}
	s.render("?size=100", picture).shown(t)
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

func TestARenderingIsNoPrediction(t *testing.T) {
	s := start(t, nil)
	s.render("", testmodel.PNG(64, 64, 1)).shown(t)
	s.render("", damaged())
	for _, line := range []string{
		`spikeray_http_requests_total{code="200",method="POST",route="/v1/renderings"} 1`,
		`spikeray_stage_duration_seconds_count{stage="queue"} 2`,
		`spikeray_stage_duration_seconds_count{stage="decode"} 2`,
		`spikeray_stage_duration_seconds_count{stage="render"} 1`,
		`spikeray_stage_duration_seconds_count{stage="total"} 2`,
		`spikeray_stage_duration_seconds_count{stage="prepare"} 0`,
		`spikeray_stage_duration_seconds_count{stage="infer"} 0`,
	} {
		metric(t, s, line)
	}
	for _, l := range strings.Split(string(s.get("/metrics").body), "\n") {
		if strings.HasPrefix(l, "spikeray_predictions_total") && !strings.HasSuffix(l, " 0") || strings.HasPrefix(l, "spikeray_prediction_failures_total") {
			t.Error(l)
		}
	}
	if !strings.Contains(s.logs.String(), `"route":"/v1/renderings","status":200`) || !strings.Contains(s.logs.String(), `"pictures":1`) {
		t.Errorf("the log says nothing of it: %s", s.logs)
	}
}

// TestARenderingEndsWithItsRequest wherever that is.
func TestARenderingEndsWithItsRequest(t *testing.T) {
	s, _ := newServer(t, nil)
	file := testmodel.PNG(600, 600, 1)
	enough := testcontext.EndsAfter(1 << 30)
	f := &filmRendering{size: 1024, took: map[telemetry.Stage]time.Duration{}}
	task, err := s.rendering(f, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Run(enough, 0); err != nil || len(f.file) == 0 {
		t.Fatal(err)
	}
	for _, looks := range []int{0, 1, enough.Seen() / 2, enough.Seen() - 1} {
		if err := task.Run(testcontext.EndsAfter(looks), 0); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d looks of %d: %v", looks, enough.Seen(), err)
		}
	}
	late := start(t, func(c *Config) { c.PredictTimeout = time.Millisecond })
	if a := late.render("?size=2048", testmodel.PNG(2000, 2000, 1)); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("%d %.80s", a.status, a.body)
	}
	metric(t, late, `spikeray_rejections_total{reason="timeout"} 1`)
}

func TestNoRenderingIsTakenWhileDraining(t *testing.T) {
	s := start(t, nil)
	s.server.predictions.shut()
	if a := s.render("", testmodel.PNG(64, 64, 1)); a.status != 503 || a.problem(t) != "draining" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
