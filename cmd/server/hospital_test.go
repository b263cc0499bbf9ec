package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// stored sends a film by STOW-RS.
func stored(t *testing.T, url string, film []byte) (status int, answer string) {
	t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	part, err := parts.CreatePart(map[string][]string{"Content-Type": {"application/dicom"}})
	if err == nil {
		_, err = part.Write(film)
	}
	if err != nil {
		t.Fatal(err)
	}
	parts.Close()
	r, err := http.Post(url+"/dicom-web/studies", `multipart/related; type="application/dicom"; boundary=`+parts.Boundary(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(text)
}

// storeFilm sends a film by C-STORE.
func storeFilm(ctx context.Context, addr string, n int) error {
	file := &dicom.File{Syntax: dicom.ExplicitLittleEndian, Dataset: testfilm.Dataset(n, 200, 220)}
	return dimse.Store(ctx, dimse.Peer{Addr: addr, CalledAE: "SPIKERAY", CallingAE: "CR1", Timeout: 20 * time.Second}, file)
}

// dicomUp waits until a node answers C-ECHO.
func dicomUp(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := dimse.Echo(t.Context(), dimse.Peer{Addr: addr, CalledAE: "SPIKERAY", CallingAE: "CR1"})
		if err == nil {
			return
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is never so: %s", what)
		}
	}
}

// TestAFilmGoesThroughTheHospital has films come by every way and results go to every kind of system. Afterwards nothing that
// identifies the patient is in what the server says, or in names of files.
func TestAFilmGoesThroughTheHospital(t *testing.T) {
	dir := t.TempDir()
	box, watched, folder := filepath.Join(dir, "outbox"), filepath.Join(dir, "in"), filepath.Join(dir, "results")
	for _, d := range []string{watched, folder} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	byDICOM, pacsAddr := pacs(t, "127.0.0.1:0")
	byWeb, stowAddr := stow(t)
	bundles, fhirAddr := fhirServer(t)
	messages, risAddr := ris(t)
	credentials := write(t, []byte("# of the archive\n"+stowAddr+" basic spikeray:secret\n"), dir, "credentials")
	addr := freeAddr(t)
	p := serve(t, nil, "--log-level=debug", "--outbox="+box, "--watch="+watched, "--dicom-listen="+addr,
		"--dicom-caller=CR1@127.0.0.0/8", "--send=pacs:sr,sc=dicom://PACS@"+pacsAddr, "--send=sr=http://"+stowAddr+"/dicom-web",
		"--send-credentials="+credentials, "--send=fhir=fhir+http://"+fhirAddr+"/fhir", "--send=hl7=mllp://"+risAddr,
		"--send=sr,sc,fhir,hl7=file://"+folder)
	dicomUp(t, addr)
	var said strings.Builder // what the server says to others
	const films = 5
	for n := range films - 2 {
		if err := storeFilm(t.Context(), addr, n); err != nil {
			t.Fatal(err)
		}
	}
	if status, answer := stored(t, p.url, testfilm.File(4, 200, 220)); status != http.StatusOK {
		t.Errorf("STOW-RS is answered with %d %s", status, answer)
	}
	name := "PLANTED_" + testfilm.UID(3) + ".dcm"
	if err := os.WriteFile(filepath.Join(watched, name), testfilm.File(3, 200, 220), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is taken", func() bool { _, err := os.Stat(filepath.Join(watched, "done", name)); return err == nil })
	if err := storeFilm(t.Context(), addr, 0); err != nil { // again
		t.Fatal(err)
	}

	// What cannot be taken.
	for what, spoil := range map[string]func(*dicom.Dataset){
		"A900H": func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, "MG") },
		"C000H": func(d *dicom.Dataset) { d.Delete(dicom.PixelData) },
		"0122H": func(d *dicom.Dataset) { d.SetStrings(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2") },
	} {
		d := testfilm.Dataset(9, 200, 220)
		spoil(d)
		err := dimse.Store(t.Context(), dimse.Peer{Addr: addr, CalledAE: "SPIKERAY", CallingAE: "CR1"}, &dicom.File{Syntax: dicom.ExplicitLittleEndian, Dataset: d})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, expected %s", err, what)
		}
		file, err := dicom.EncodeFile(d, dicom.ExplicitLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"", "?report=sr"} {
			response, err := http.Post(p.url+"/v1/predictions"+query, "application/dicom", bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Write(&said)
			response.Body.Close()
		}
		if status, answer := stored(t, p.url, file); status != http.StatusConflict {
			t.Errorf("STOW-RS of what cannot be taken is answered with %d", status)
		} else { // it names the object, which its sender asked for
			said.WriteString(strings.ReplaceAll(answer, testfilm.UID(9), ""))
		}
		if what == "A900H" {
			if err := os.WriteFile(filepath.Join(watched, "bad"+name), file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := dimse.Echo(t.Context(), dimse.Peer{Addr: addr, CalledAE: "SPIKERAY", CallingAE: "OTHER"}); err == nil {
		t.Error("anybody may open an association")
	}
	eventually(t, "the other file is refused", func() bool {
		_, err := os.Stat(filepath.Join(watched, "refused", "bad"+name+".txt"))
		return err == nil
	})
	why, err := os.ReadFile(filepath.Join(watched, "refused", "bad"+name+".txt"))
	if err != nil || !strings.Contains(string(why), "MG") {
		t.Errorf("%v %q", err, why)
	}
	said.Write(why)

	eventually(t, "all is delivered", func() bool { return p.metric(t, `spikeray_outbox_bytes`) == 0 })
	for class, want := range map[string]int{dicom.Comprehensive3DSR: films, dicom.SecondaryCaptureImage: films} {
		if n, again := byDICOM.counts(class); n != want || again != 0 {
			t.Errorf("%d of %s are in the PACS, %d came again", n, dicom.NamedUID(class), again)
		}
	}
	if n, again := byWeb.counts(dicom.Comprehensive3DSR); n != films || again != 0 || len(byWeb.class) != films {
		t.Errorf("%d reports came by STOW-RS, %d again", n, again)
	}
	if bundles() != films || messages() != films {
		t.Errorf("%d bundles and %d messages came", bundles(), messages())
	}
	results, err := os.ReadDir(folder)
	if err != nil || len(results) != 4*films {
		t.Errorf("%v: %d files", err, len(results))
	}
	for series, want := range map[string]float64{
		`spikeray_films_received_total{result="0000",way="dimse"}`:                 films - 1, // one of them again
		`spikeray_films_received_total{result="A900",way="dimse"}`:                 1,
		`spikeray_films_received_total{result="C000",way="dimse"}`:                 1,
		`spikeray_films_received_total{result="taken",way="watch"}`:                1,
		`spikeray_films_received_total{result="refused",way="watch"}`:              1,
		`spikeray_outbox_deliveries_total{outcome="delivered",target="pacs"}`:      2 * films,
		`spikeray_outbox_items{target="mllp://` + risAddr + `"}`:                   0,
		`spikeray_outbox_failed_items{target="http://` + stowAddr + `/dicom-web"}`: 0,
	} {
		if got := p.metric(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}

	for _, path := range []string{"/metrics", "/readyz", "/v1/models/" + "spikeray" + "/drift"} {
		response, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(&said, response.Body)
		response.Body.Close()
	}
	response, err := http.Post(p.url+"/v1/predictions", "application/dicom", bytes.NewReader(testfilm.File(1, 200, 220)))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Write(&said)
	response.Body.Close()
	status, logs := p.end(t)
	if status != 0 || !strings.Contains(logs, `"msg":"stopped"`) {
		t.Errorf("status %d: %s", status, logs)
	}
	said.WriteString(logs)
	_ = filepath.WalkDir(box, func(path string, _ fs.DirEntry, err error) error {
		fmt.Fprintln(&said, path, err)
		return nil
	})
	for _, r := range results {
		fmt.Fprintln(&said, r.Name())
	}
	for _, planted := range testfilm.Planted {
		if i := strings.Index(said.String(), planted); i >= 0 {
			t.Errorf("%q is said: …%s…", planted, said.String()[max(0, i-200):min(said.Len(), i+100)])
		}
	}
	if strings.Contains(said.String(), "secret") || len(said.String()) < 10_000 {
		t.Errorf("the password is said, or nothing is: %d bytes", said.Len())
	}
}

// TestNothingIsLostWhenTheNodeIsKilled kills a node again and again while films come and the PACS is away for most of the time.
func TestNothingIsLostWhenTheNodeIsKilled(t *testing.T) {
	box, addr, pacsAddr := filepath.Join(t.TempDir(), "outbox"), freeAddr(t), freeAddr(t)
	model := write(t, testmodel.GatedFile("mine"), t.TempDir(), "mine.safetensors") // small, so that a start is fast
	args := []string{"--addr=127.0.0.1:0", "--model=" + model, "--outbox=" + box, "--dicom-listen=" + addr, "--send=sr=dicom://PACS@" + pacsAddr}
	const films = 100
	var done sync.WaitGroup
	sent := make(chan int, films)
	done.Go(func() { // the sender sends each film until it has a success
		for n := range films {
			for {
				err := storeFilm(t.Context(), addr, n)
				if err == nil {
					break
				}
				if t.Context().Err() != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			sent <- n
		}
		close(sent)
	})
	kills := 0
	var byDICOM *archive
	for through := false; !through; {
		p := exec.Command(os.Args[0], args...)
		p.Env = append(os.Environ(), asProgram+"=1")
		var logs bytes.Buffer
		p.Stderr = &logs
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if kills == 4 {
			byDICOM, _ = pacs(t, pacsAddr)
		}
		for wanted := 1 + rand.N(12); wanted > 0 && !through; wanted-- {
			select {
			case _, open := <-sent:
				through = !open
			case <-time.After(time.Minute):
				t.Fatalf("no film is taken: %s", &logs)
			}
		}
		if !through {
			time.Sleep(rand.N(20 * time.Millisecond))
			_ = p.Process.Kill()
			_ = p.Wait()
			kills++
			continue
		}
		if byDICOM == nil {
			byDICOM, _ = pacs(t, pacsAddr)
		}
		eventually(t, "nothing waits", func() bool { // the last start is through with what the one before left, too
			r := spikeray(t, nil, "outbox", "list", "--outbox="+box)
			return r.status == 0 && r.out == ""
		})
		eventually(t, "it listens", func() bool { // and so knows what to do with a signal; it may have had nothing to do
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("%v: %s", err, &logs)
		}
	}
	done.Wait()
	n, again := byDICOM.counts(dicom.Comprehensive3DSR)
	studies := slices.Collect(maps.Values(byDICOM.of))
	slices.Sort(studies)
	if n != films || again > kills || len(slices.Compact(studies)) != films {
		t.Errorf("%d reports of %d films are in the PACS, %d came again after %d kills", n, films, again, kills)
	}
	t.Logf("%d films, %d kills, %d came again", films, kills, again)
}

// TestATerminatedNodeLosesNothing sends SIGTERM while films come.
func TestATerminatedNodeLosesNothing(t *testing.T) {
	box, addr := filepath.Join(t.TempDir(), "outbox"), freeAddr(t)
	p := serve(t, nil, "--outbox="+box, "--dicom-listen="+addr, "--send=sr=dicom://PACS@"+freeAddr(t))
	dicomUp(t, addr)
	var mu sync.Mutex
	taken := 0
	var senders sync.WaitGroup
	for i := range 4 {
		senders.Go(func() {
			for n := range 1000 {
				if err := storeFilm(context.Background(), addr, 10_000*(i+1)+n); err != nil {
					return
				}
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	eventually(t, "some films are taken", func() bool { mu.Lock(); defer mu.Unlock(); return taken > 8 })
	status, logs := p.end(t)
	senders.Wait()
	if status != 0 {
		t.Errorf("status %d: %s", status, logs)
	}
	r := spikeray(t, nil, "outbox", "list", "--json", "--outbox="+box)
	var list []struct{ State, Target, Kind string }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list) < taken || len(list) > taken+4 {
		t.Errorf("%v: %d films had a success, and %d are in the outbox", err, taken, len(list))
	}
	if list[0].State != "waiting" || list[0].Kind != "sr" || !strings.HasPrefix(list[0].Target, "dicom://PACS@127.0.0.1:") {
		t.Errorf("%+v", list[0])
	}
	second := spikeray(t, nil, "outbox", "drop", "--outbox="+box, "nothing")
	if second.status != 1 || !strings.Contains(second.err, "no item") {
		t.Errorf("%+v", second)
	}
}

func TestTwoServersCannotHaveOneOutbox(t *testing.T) {
	args := []string{"--addr=127.0.0.1:0", "--outbox=" + filepath.Join(t.TempDir(), "outbox"), "--send=hl7=mllp://127.0.0.1:9"}
	p := serve(t, nil, args...)
	if r := spikeray(t, nil, args...); r.status != 1 || !strings.Contains(r.err, "another process uses the directory") {
		t.Errorf("%+v", r)
	}
	if status, logs := p.end(t); status != 0 {
		t.Error(logs)
	}
}
