package api

import (
	"bytes"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestAnswersNameTheirPart(t *testing.T) {
	s := start(t, nil)
	form := func(headers ...string) answer {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for i, h := range headers {
			part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="image"` + h}})
			if err != nil {
				t.Fatal(err)
			}
			picture := testmodel.PNG(64, 64, uint64(i))
			if strings.Contains(h, "bad") {
				picture = []byte("no picture")
			}
			_, _ = part.Write(picture)
		}
		_ = w.Close()
		r := request(t, "POST", s.url+"/v1/predictions", &body)
		r.Header.Set("Content-Type", w.FormDataContentType())
		return s.do(r)
	}
	var list struct {
		Predictions []struct {
			Part  *partDocument
			Error *Problem
		}
	}
	a := form(`; filename="one.png"`, `; filename="../up/bad.png"`, ``, `; filename="C:\\x\\four`+"\u202e"+`gpj.png"`, `; filename*=utf-8''%1b%5b31mfive.png`)
	a.decode(t, &list)
	want := []string{"one.png", "bad.png", "", "four\ufffdgpj.png", "\ufffd[31mfive.png"}
	if len(list.Predictions) != len(want) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i, p := range list.Predictions {
		name := ""
		if p.Part != nil && p.Part.Filename != nil {
			name = *p.Part.Filename
		}
		if p.Part == nil || p.Part.Index != i || name != want[i] || (p.Error != nil) != (i == 1) {
			t.Errorf("%d: %+v %q, want %q", i, p, name, want[i])
		}
	}
	var one struct{ Part *partDocument }
	form(`; filename="alone.png"`).decode(t, &one)
	if one.Part == nil || one.Part.Index != 0 || *one.Part.Filename != "alone.png" {
		t.Errorf("%+v", one.Part)
	}
	one.Part = nil
	if s.post("", testmodel.PNG(64, 64, 1)).decode(t, &one); one.Part != nil {
		t.Errorf("a raw body has the part %+v", one.Part)
	}
	if strings.Contains(s.logs.String(), "one.png") {
		t.Error("a file's name is logged")
	}
}

func TestFileNamesAreBoundedAndHarmless(t *testing.T) {
	pieces := []string{"", "a", ".png", "/", `\`, "..", "\x1b[31m", "\xff\xfe", "\x00", "\r\n", "\x7f", "\u009b", "\u202e", "\u2066", "\u2028", "\ufffd", "\xe2\x80", strings.Repeat("\u00e9", 200)}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		given := ""
		for range random.IntN(8) {
			given += pieces[random.IntN(len(pieces))]
		}
		got := fileName(given)
		if got == nil {
			continue
		}
		if *got == "" || len(*got) > maxFileName || !utf8.ValidString(*got) || strings.ContainsAny(*got, "/\\\x00\r\n\x1b\x7f\u009b\u202e\u2066\u2028") {
			t.Errorf("%q becomes %q", given, *got)
		}
	}
}

func TestPartsThatAreEncodedAreRefused(t *testing.T) {
	s := start(t, nil)
	for field, want := range map[string]int{
		"Content-Transfer-Encoding: binary": 200, "Content-Transfer-Encoding: 8bit": 200, "Content-Encoding: identity": 200,
		"Content-Transfer-Encoding: Base64": 415, "Content-Transfer-Encoding: quoted-printable": 415, "Content-Encoding: gzip": 415,
	} {
		name, value, _ := strings.Cut(field, ": ")
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="image"`}, name: {value}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(testmodel.PNG(64, 64, 1))
		_ = w.Close()
		r := request(t, "POST", s.url+"/v1/predictions", &body)
		r.Header.Set("Content-Type", w.FormDataContentType())
		if a := s.do(r); a.status != want {
			t.Errorf("%s: %d %s", field, a.status, a.body)
		}
	}
}
