package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
)

var (
	reloads     = flag.Int("reloads", 24, "how many times TestReloadsUnderLoad swaps the model")
	reloadModel = flag.String("reload-model", "", "shipped model that it swaps; without, a small one")
)

// variant is a model file in another version, and with another intercept of its calibration, if it has one, so that its answers differ.
func variant(t testing.TB, file []byte, version string, intercept float64) []byte {
	t.Helper()
	n := binary.LittleEndian.Uint64(file)
	header, data := map[string]json.RawMessage{}, file[8+n:]
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(header["__metadata__"], &metadata); err != nil {
		t.Fatal(err)
	}
	description := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(metadata["spikeray"]))
	decoder.UseNumber()
	if err := decoder.Decode(&description); err != nil {
		t.Fatal(err)
	}
	description["version"] = version
	if c, ok := description["calibration"].(map[string]any); ok {
		c["intercept"] = intercept
	}
	encode := func(v any) []byte {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	return testmodel.Sealed(func(digest string) []byte {
		description["file_sha256"] = digest
		header["__metadata__"] = encode(map[string]string{"spikeray": string(encode(description))})
		head := encode(header)
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data)
	})
}

// replace writes a file under another name and renames it.
func replace(t testing.TB, content []byte, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// named is which model file gave an answer.
type named struct {
	Model pipeline.ModelReference
}

// askNamed sends pictures, one or more, and checks that every answer is that of the model file that it names, and of one file in a request.
func (p *process) askNamed(client *http.Client, pictures [][]byte, answers map[string][]float64) error {
	body, contentType := &bytes.Buffer{}, "application/octet-stream"
	if len(pictures) == 1 {
		body.Write(pictures[0])
	} else {
		form := multipart.NewWriter(body)
		for _, picture := range pictures {
			part, err := form.CreateFormFile("image", "x")
			if err != nil {
				return err
			}
			_, _ = part.Write(picture)
		}
		contentType = form.FormDataContentType()
		_ = form.Close()
	}
	r, err := client.Post(p.url+"/v1/predictions", contentType, body)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s %v", r.StatusCode, text, err)
	}
	type one struct {
		named
		Probability float64
	}
	var list struct{ Predictions []one }
	if len(pictures) == 1 {
		list.Predictions = make([]one, 1)
		err = json.Unmarshal(text, &list.Predictions[0])
	} else {
		err = json.Unmarshal(text, &list)
	}
	if err != nil || len(list.Predictions) != len(pictures) {
		return fmt.Errorf("%s: %w", text, err)
	}
	for i, got := range list.Predictions {
		key := got.Model.Version + " " + got.Model.Digest
		if want := answers[key]; want == nil || got.Probability != want[i] {
			return fmt.Errorf("mixed: %s gave %v, expected %v", key, got.Probability, want)
		}
		if got.Model != list.Predictions[0].Model {
			return fmt.Errorf("mixed: the pictures of one request were answered by %v and %v", list.Predictions[0].Model, got.Model)
		}
	}
	return nil
}

// TestReloadsUnderLoad swaps a model again and again, in every way that there is, while clients ask. No request may fail, and every
// answer must be that of the version and the file that it names. deploy/test-reload.sh does it a thousand times.
func TestReloadsUnderLoad(t *testing.T) {
	file := testmodel.GatedFile("tiny")
	if *reloadModel != "" {
		var err error
		if file, err = models.Open(*reloadModel); err != nil {
			t.Fatal(err)
		}
	}
	pictures := [][]byte{testmodel.JPEG(300, 240, 1), testmodel.PNG(200, 220, 2)}
	dir, name := t.TempDir(), "tiny"
	if *reloadModel != "" {
		name = *reloadModel
	}
	answers := map[string][]float64{} // by version and digest, then by picture
	digests := map[string]string{}    // of the files
	files := map[string][]byte{}
	for i, id := range []string{"1.0.0a", "1.0.0b", "2.0.0a", "2.0.0b"} {
		files[id] = variant(t, file, id[:5], 0.3*float64(i))
		path := write(t, files[id], t.TempDir(), id)
		for k, picture := range pictures {
			r := lines(t, spikeray(t, picture, "predict", "--json", "--model", path, "-").out)[0]
			key := r.Model.Version + " " + r.Model.Digest
			digests[id] = r.Model.Digest
			if answers[key] = append(answers[key], *r.Probability); len(answers[key]) != k+1 {
				t.Fatal("two files are the same")
			}
		}
	}
	at := func(version string) string { return filepath.Join(dir, name, version, "model.safetensors") }
	replace(t, files["1.0.0a"], at("1.0.0"))
	replace(t, files["2.0.0a"], at("2.0.0"))
	p := serve(t, nil, "--models="+dir, "--default-model="+name, "--models-poll=1s", "--models-api", "--queue=512")

	var asked atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				some := pictures[:1]
				if (n+i)%3 == 0 {
					some = pictures
				}
				if err := p.askNamed(client, some, answers); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
			}
		})
	}
	serving := func() (now named) {
		r, err := http.Get(p.url + "/v1/models/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if err := json.NewDecoder(r.Body).Decode(&now.Model); err != nil {
			t.Fatal(err)
		}
		return now
	}
	wait := func(digest, how string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); serving().Model.Digest != digest; time.Sleep(time.Millisecond) {
			if time.Now().After(end) || t.Failed() {
				t.Fatalf("%s: %v serves, expected %s", how, serving(), digest)
			}
		}
	}
	post := func(change string) {
		t.Helper()
		r, err := http.Post(p.url+"/v1/models/"+name+"/"+change, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if text, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", change, r.StatusCode, text)
		}
	}
	hangUp := func() {
		t.Helper()
		if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, name, "current")
	now := map[string]string{"1.0.0": "a", "2.0.0": "a"} // the content of each version
	version := "2.0.0"
	other := map[string]string{"1.0.0": "2.0.0", "2.0.0": "1.0.0", "a": "b", "b": "a"}
	var early [3]float64
	resources := func() [3]float64 {
		time.Sleep(100 * time.Millisecond)
		return [3]float64{p.metric(t, "process_open_fds"), p.metric(t, "go_goroutines"), p.metric(t, "process_resident_memory_bytes")}
	}
	wait(digests["2.0.0a"], "start")
	began := time.Now()
	for i := range *reloads {
		how := ""
		switch i % 6 {
		case 0: // pointing to the other version, and SIGHUP
			how, version = "current", other[version]
			replace(t, []byte(version+"\n"), current)
			hangUp()
		case 1:
			how, version = "load", other[version]
			post("load?version=" + version)
		case 2:
			how, version = "rollback", other[version]
			post("rollback")
		case 3: // another file in the place of the one that serves
			how, now[version] = "renamed", other[now[version]]
			replace(t, files[version+now[version]], at(version))
			hangUp()
		case 4: // the same, written over it byte by byte while it is looked at
			how, now[version] = "in place", other[now[version]]
			f, err := os.OpenFile(at(version), os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				t.Fatal(err)
			}
			for content := files[version+now[version]]; len(content) > 0; {
				n, err := f.Write(content[:min(len(content), 1+len(files[version+now[version]])/5)])
				if err != nil {
					t.Fatal(err)
				}
				content = content[n:]
				hangUp()
				time.Sleep(time.Millisecond)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			hangUp()
		case 5: // a bad file must change nothing; then what the folder says again
			how = "bad"
			replace(t, []byte("no model"), at("3.0.0"))
			hangUp()
			if err := os.Remove(current); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if i%60 == 5 {
				time.Sleep(2500 * time.Millisecond) // the folder is looked at by itself, too
			}
			version = "2.0.0"
			hangUp()
			post("load?version=" + version)
			if err := os.RemoveAll(filepath.Dir(at("3.0.0"))); err != nil {
				t.Fatal(err)
			}
		}
		wait(digests[version+now[version]], fmt.Sprintf("%d: %s", i, how))
		if i == *reloads/5 {
			early = resources()
		}
	}
	took := time.Since(began)
	late := resources()
	close(stop)
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	t.Logf("%d reloads in %v, %d requests: descriptors %v, goroutines %v, resident bytes %.0f after a fifth; %v, %v, %.0f at the end",
		*reloads, took.Round(time.Millisecond), asked.Load(), early[0], early[1], early[2], late[0], late[1], late[2])
	if late[0] > early[0]+8 || late[1] > early[1]+20 || late[2] > early[2]*1.3+32<<20 {
		t.Error("descriptors, goroutines or memory have grown")
	}
	if asked.Load() < int64(*reloads) {
		t.Errorf("only %d requests", asked.Load())
	}
	if status, logs := p.end(t); status != 0 {
		t.Errorf("it ended with %d: %s", status, logs)
	}
}
