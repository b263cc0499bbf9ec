//go:build unix

package outbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testnotes"
)

// What the test's own program does when it is started again.
const (
	asNode  = "SPIKERAY_TEST_OUTBOX"
	asSmall = "SPIKERAY_TEST_OUTBOX_SMALL"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asNode) != "":
		node(os.Getenv(asNode))
	case os.Getenv(asSmall) != "":
		small(os.Getenv(asSmall))
	default:
		os.Exit(m.Run())
	}
}

// films are how many the sender has.
const films = 1000

// node puts films that have no success yet and delivers them, until all are through. Both ends write down what they know.
func node(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	b, err := Open(filepath.Join(dir, "outbox"), Options{})
	fail(err)
	path := filepath.Join(dir, "acked")
	acked, err := testnotes.Open(path)
	fail(err)
	before, err := testnotes.Read(path)
	fail(err)
	next := len(before)
	ctx, cancel := context.WithCancel(context.Background())
	senders := map[string]Sender{}
	for _, name := range []string{"pacs", "archive"} {
		arrived, err := testnotes.Open(filepath.Join(dir, name))
		fail(err)
		senders[name] = sendFunc(func(_ context.Context, it Item) error {
			return arrived.Add(string(it.Data[:8]))
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx, Delivery{Senders: senders})
	}()
	fmt.Println("ready")
	for ; next < films; next++ {
		data := fmt.Appendf(nil, "%08d", next)
		data = append(data, make([]byte, 5000)...)
		fail(b.Put(Item{Target: "pacs", Object: strconv.Itoa(next), Data: data}, Item{Target: "archive", Object: strconv.Itoa(next), Data: data}))
		fail(acked.Add(strconv.Itoa(next)))
	}
	for b.State().Bytes > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	fail(b.Close())
}

// TestNothingIsLostWhenTheProcessIsKilled kills a node many times in the midst of its work.
func TestNothingIsLostWhenTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	kills := 0
	for done := false; !done; {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), asNode+"="+dir)
		var errs strings.Builder
		c.Stderr = &errs
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err, errs.String())
		}
		// With the race detector a process gets less done in its time.
		timer := time.AfterFunc(rand.N(10*time.Millisecond<<max(0, kills/10-3)), func() { _ = c.Process.Kill() })
		err = c.Wait()
		timer.Stop()
		switch status, _ := c.ProcessState.Sys().(syscall.WaitStatus); {
		case err == nil:
			done = true
		case status.Signaled() && status.Signal() == syscall.SIGKILL:
			kills++
		default:
			t.Fatalf("%v: %s", err, errs.String())
		}
		if kills > 500 {
			t.Fatal("it gets nowhere")
		}
	}
	if kills < 5 {
		t.Errorf("it was killed only %d times", kills)
	}
	for _, name := range []string{"pacs", "archive"} {
		lines, err := testnotes.Read(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		arrived := map[string]int{}
		twice := 0
		for _, line := range lines {
			if arrived[line]++; arrived[line] > 1 {
				twice++
			}
		}
		if len(arrived) != films || twice > kills {
			t.Errorf("%s: %d of %d films arrived, and %d again after %d kills", name, len(arrived), films, twice, kills)
		}
		t.Logf("%s: %d films, %d kills, %d arrived again", name, len(arrived), kills, twice)
	}
	_ = filepath.WalkDir(filepath.Join(dir, "outbox"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" && filepath.Base(filepath.Dir(path)) != deliveredDir {
			t.Errorf("%s is left", path)
		}
		return err
	})
}

// small puts items where no file may grow beyond 2000 bytes, as on a disk that is full.
func small(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 2000, Max: 2000}
	b, err := Open(dir, Options{})
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	if err == nil {
		err = b.Put(Item{Target: "pacs", Object: "1", Data: make([]byte, 100)})
	}
	if err != nil {
		fmt.Println("unexpected:", err)
		return
	}
	err = b.Put(Item{Target: "pacs", Object: "2", Data: make([]byte, 100)}, Item{Target: "pacs", Object: "3", Data: make([]byte, 5000)})
	if !errors.Is(err, syscall.EFBIG) {
		fmt.Println("unexpected:", err)
		return
	}
	if s := b.State(); s.Targets[0].Items != 1 {
		fmt.Printf("unexpected: %+v\n", s)
		return
	}
	if err := b.Put(Item{Target: "pacs", Object: "2", Data: make([]byte, 100)}); err != nil {
		fmt.Println("unexpected:", err)
		return
	}
	fmt.Println("fine")
}

func TestAFullDiskFailsAPutAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asSmall+"="+dir)
	out, err := c.Output() // not what a test binary says of coverage that it cannot write
	if err != nil || string(out) != "fine\n" {
		t.Fatalf("%v: %s", err, out)
	}
	if list, err := List(dir); err != nil || len(list) != 2 {
		t.Errorf("%v, %+v", err, list)
	}
	if files, _ := os.ReadDir(filepath.Join(dir, queueDir)); len(files) != 2 {
		t.Errorf("%v", files)
	}
}
