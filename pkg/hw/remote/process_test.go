package remote

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// process is a board host of deploy/boardhost.
type process struct {
	cmd *exec.Cmd
	url string
}

// python gives an interpreter that can import a module: the one that the variable names, or python3.
func python(t *testing.T, variable, module string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = "python3"
	}
	if out, err := exec.Command(path, "-c", "import "+module).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("no board host here: %s cannot import %s (%v: %s); %s names an interpreter that can", path, module, err, lines[len(lines)-1], variable)
	}
	return path
}

func simulatorPython(t *testing.T) string { return python(t, "SPIKERAY_BOARDHOST_PYTHON", "numpy") }

// startHost starts a board host and waits for it to say where it listens.
func startHost(t *testing.T, python string, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	logFile, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{"-m", "boardhost", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = filepath.Join("..", "..", "..", "deploy", "boardhost")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OPENBLAS_NUM_THREADS=1")
	cmd.Stdout, cmd.Stderr = w, logFile // files: no goroutine copies them
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	p := &process{cmd: cmd}
	t.Cleanup(func() {
		p.kill()
		r.Close()
		logFile.Close()
		if t.Failed() {
			text, _ := os.ReadFile(logFile.Name())
			t.Logf("the host's log:\n%s", text[max(0, len(text)-2000):])
		}
	})
	r.SetReadDeadline(time.Now().Add(3 * time.Minute))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("the board host does not start: %v", err)
	}
	_, p.url, _ = strings.Cut(strings.TrimSpace(line), " on ")
	if p.url == "" {
		text, _ := os.ReadFile(logFile.Name())
		t.Fatalf("the board host does not start: %q, %s", line, text)
	}
	return p
}

// kill ends the process at once.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

func dial(t *testing.T, o Options) hw.Board {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}
