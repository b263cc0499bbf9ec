package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
)

// process is a running spikeray serve.
type process struct {
	command *exec.Cmd
	url     string
	first   map[string]any // the log line that says what it serves
	rest    <-chan string  // the lines after it, once it has ended
}

// serve starts a process, at a free address of loopback unless env or args say another.
func serve(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(os.Args[0], args...)}
	p.command.Env = append(os.Environ(), append([]string{asProgram + "=1", "SPIKERAY_LOG_FORMAT=json", "SPIKERAY_ADDR=127.0.0.1:0"}, env...)...)
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(stderr)
	addr := ""
	for addr == "" { // a board may have been warned of before
		line, err := reader.ReadBytes('\n')
		if err != nil {
			t.Fatalf("it ended with %q, %v", line, err)
		}
		p.first = nil
		if err := json.Unmarshal(line, &p.first); err != nil {
			t.Fatalf("a line is %q", line)
		}
		addr, _ = p.first["addr"].(string)
	}
	rest := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(reader)
		rest <- string(all)
	}()
	p.rest = rest
	p.url = "http://" + addr
	t.Cleanup(func() {
		if p.command.ProcessState == nil {
			_ = p.command.Process.Kill()
			_ = p.command.Wait()
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return p
}

// end signals the process and waits for it.
func (p *process) end(t *testing.T) (status int, logs string) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	logs = <-p.rest
	_ = p.command.Wait()
	return p.command.ProcessState.ExitCode(), logs
}

func (p *process) predict(t *testing.T, picture []byte) float64 {
	t.Helper()
	response, err := http.Post(p.url+"/v1/predictions", "application/octet-stream", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var a struct{ Probability *float64 }
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil || a.Probability == nil {
		t.Fatalf("status %d: %v", response.StatusCode, err)
	}
	return *a.Probability
}

func TestServeSaysWhatItIsAndStopsWhenTold(t *testing.T) {
	p := serve(t, []string{"SPIKERAY_KERNEL=generic"})
	digest, _ := p.first["digest"].(string)
	if p.first["model"] != models.Default || p.first["backend"] != "simulator" || p.first["kernel"] != "generic" ||
		!strings.HasPrefix(digest, "sha256:") {
		t.Errorf("the first line is %v", p.first)
	}
	p.predict(t, testmodel.PNG(300, 200, 1))
	status, logs := p.end(t)
	if status != 0 || !strings.Contains(logs, `"msg":"stopped"`) {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestServeFinishesWhatIsInFlightWhenTold(t *testing.T) {
	p := serve(t, nil)
	picture := testmodel.PNG(300, 200, 1)
	body, writer := io.Pipe()
	answered := make(chan int, 1)
	go func() {
		response, err := http.Post(p.url+"/v1/predictions", "image/png", body)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	if _, err := writer.Write(picture[:100]); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, "spikeray_upload_buffer_bytes 32768")
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := writer.Write(picture[100:]); err != nil {
		t.Error(err)
	}
	_ = writer.Close()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request in flight got %d", status)
	}
	<-p.rest
	_ = p.command.Wait()
	if status := p.command.ProcessState.ExitCode(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// waitFor polls the metrics until a line is there.
func waitFor(t *testing.T, p *process, line string) {
	t.Helper()
	for range 6000 {
		response, err := http.Get(p.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		scrape, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if strings.Contains(string(scrape), line+"\n") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s after a minute", line)
}

func TestHealthcheckAsksTheServer(t *testing.T) {
	p := serve(t, nil)
	addr := strings.TrimPrefix(p.url, "http://")
	port := addr[strings.LastIndex(addr, ":"):]
	for _, a := range []string{addr, port, "0.0.0.0" + port} {
		if r := spikeray(t, nil, "healthcheck", "--addr", a); r.status != 0 {
			t.Errorf("%s: %+v", a, r)
		}
	}
	p.end(t)
	if r := spikeray(t, nil, "healthcheck", "--addr", addr); r.status != 1 || r.err == "" {
		t.Errorf("after its end: %+v", r)
	}
}

func TestServeCollectsGarbageLaterUnlessTold(t *testing.T) {
	// By bytes: its heap is small.
	p := serve(t, []string{"GOGC="})
	percent, heap := p.metric(t, "go_gc_gogc_percent"), p.metric(t, "go_memstats_heap_alloc_bytes")
	if by := percent / 100 * heap; by < heapBytes/2 || by > 2*heapBytes {
		t.Errorf("a heap of %.0f bytes may grow by %.0f %%", heap, percent)
	}
	waitFor(t, serve(t, []string{"GOGC=150"}), "go_gc_gogc_percent 150")
}

func TestServeTakesAModelFileAsItsDefault(t *testing.T) {
	file := write(t, testmodel.File("mine", nil), t.TempDir(), "mine.safetensors")
	p := serve(t, []string{"SPIKERAY_MODEL=" + file})
	if p.first["model"] != "mine" {
		t.Errorf("the first line is %v", p.first)
	}
	response, err := http.Get(p.url + "/v1/models")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list struct {
		Models []struct {
			Name    string
			Default bool
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 1+len(models.Names()) || list.Models[0].Name != "mine" || !list.Models[0].Default || list.Models[1].Default {
		t.Errorf("%+v", list)
	}
}

func TestServeFailsPlainly(t *testing.T) {
	p := serve(t, nil)
	for _, args := range [][]string{{"--model=none"}, {"--addr=nonsense"}, {"--addr", strings.TrimPrefix(p.url, "http://")}} {
		if r := spikeray(t, nil, args...); r.status != 1 || r.err == "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestTheSameProbabilityOverHTTPAndFromFiles also takes real pictures, if they are at hand; see CONTRIBUTING.md.
func TestTheSameProbabilityOverHTTPAndFromFiles(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.png")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples: ", err)
	}
	dir := t.TempDir()
	for i := range 3 {
		files = append(files, write(t, testmodel.PNG(300+100*i, 500-80*i, uint64(i)), dir, strconv.Itoa(i)+".png"))
	}
	originals, _ := filepath.Glob("../../../shared/data/originals/*/*")
	files = append(files, originals...)
	p := serve(t, nil)
	r := spikeray(t, nil, append([]string{"predict", "--json"}, files...)...)
	got := lines(t, r.out)
	if r.status != 0 || len(got) != len(files) {
		t.Fatalf("status %d, %d lines for %d files: %s", r.status, len(got), len(files), r.err)
	}
	for i, file := range files {
		picture, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if over := p.predict(t, picture); over != *got[i].Probability {
			t.Errorf("%s: %v over HTTP, %v from the file", file, over, *got[i].Probability)
		}
	}
}
