//go:build unix

package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testnotes"
)

// What the test's own program does when it is started again.
const (
	asWriter = "SPIKERAY_TEST_JOURNAL"
	asFull   = "SPIKERAY_TEST_JOURNAL_FULL"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asWriter) != "":
		crasher(os.Getenv(asWriter))
	case os.Getenv(asFull) != "":
		full(os.Getenv(asFull))
	default:
		os.Exit(m.Run())
	}
}

// crasher records from four goroutines until it is killed. Each notes a receipt once it has it, as a client would that has its answer.
func crasher(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	given, err := testnotes.Open(filepath.Join(dir, "given"))
	fail(err)
	j, err := Open(filepath.Join(dir, "audit"), Options{SegmentBytes: 20_000})
	fail(err)
	fmt.Println("ready")
	var all sync.WaitGroup
	for c := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				receipts, err := j.Append(context.Background(), answered(c), refused(i))
				fail(err)
				fail(given.Add(receipts[0].String(), receipts[1].String()))
			}
		})
	}
	all.Wait()
}

// TestNoReceiptIsLostWhenTheProcessIsKilled kills a writer twenty times in the midst of its work. Some kills leave an unfinished
// record; since few do, the test leaves one itself half of the times.
func TestNoReceiptIsLostWhenTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	audit := filepath.Join(dir, "audit")
	cuts := 0
	for kill := range 20 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), asWriter+"="+dir)
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
		time.Sleep(rand.N(40 * time.Millisecond))
		_ = c.Process.Kill()
		_ = c.Wait()
		if status, _ := c.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %s", c.ProcessState, errs.String())
		}
		if kill%2 == 0 {
			cuts += tear(t, audit)
		}
	}
	j := open(t, audit, Options{})
	closed(t, j)
	v, all := whole(t, audit)
	there := map[string]bool{}
	for _, s := range all {
		there[text(s)] = true
	}
	given, err := testnotes.Read(filepath.Join(dir, "given"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range given {
		if !there[r] {
			t.Errorf("the receipt %s was given, and its record is not there", r)
		}
	}
	if v.Crashes != 20 || v.Cuts < cuts || len(given) < 40 {
		t.Errorf("%+v, %d receipts, %d torn ends", v, len(given), cuts)
	}
	t.Logf("%d receipts, %d records in %d segments, %d cuts of which the test made %d", len(given), v.Records, v.Segments, v.Cuts, cuts)
}

// tear leaves the beginning of a record at the journal's end, as a write that was broken off does.
func tear(t *testing.T, dir string) int {
	t.Helper()
	segments, err := list(dir)
	if err != nil || len(segments) == 0 {
		t.Fatal(err)
	}
	data := read(t, segments[len(segments)-1].path)
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return 1 // the kill did it
	}
	e := answered(1)
	r := Record{Version: version, Seq: 1, Kind: KindAnswer, Asked: e.Asked, Answer: e.Answer}
	line, _, err := r.appendLine(nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, segments[len(segments)-1].path, append(data, line[:1+rand.N(len(line)-2)]...))
	return 1
}

// full records where no file may grow beyond a length, as on a disk that is full, until there is room again.
func full(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	set := func(n uint64) {
		var limit syscall.Rlimit
		err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
		if err == nil {
			limit.Cur = n
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		}
		if err != nil {
			fmt.Println("unexpected:", err)
		}
	}
	failed := 0
	j, err := Open(dir, Options{Watch: Watch{Failed: func() { failed++ }}})
	if err != nil {
		fmt.Println("unexpected:", err)
		return
	}
	set(5000)
	given := 0
	for ; err == nil; given++ {
		_, err = j.Append(context.Background(), answered(given))
	}
	given--
	s := j.State()
	if !errors.Is(err, ErrUnavailable) || j.Err() == nil || j.Refuse(2) == nil || !s.Failing || s.Since.IsZero() {
		fmt.Println("unexpected:", err, s)
	}
	if _, err := j.Append(context.Background(), answered(1)); !errors.Is(err, ErrUnavailable) {
		fmt.Println("unexpected:", err)
	}
	set(1 << 30)
	for end := time.Now().Add(20 * time.Second); j.Err() != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := j.Append(context.Background(), answered(99)); err != nil {
		fmt.Println("unexpected:", err)
	}
	if err := j.Close(); err != nil || failed == 0 {
		fmt.Println("unexpected:", err, failed)
	}
	fmt.Println(given)
}

func TestAFullDiskRefusesUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asFull+"="+dir)
	out, err := c.Output()
	given, bad := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || bad != nil || given < 2 {
		t.Fatalf("%v: %s", err, out)
	}
	v, all := whole(t, dir)
	if v.Kinds[KindAnswer] != uint64(given)+1 || v.Kinds[KindResume] != 1 || v.Crashes != 0 {
		t.Errorf("%d answers were given: %+v", given, v)
	}
	for _, s := range all {
		// The one that met the full disk, those of Refuse, and the one after them.
		if s.Kind == KindResume && (s.Event.Refused != 4 || s.Event.Since == nil || s.Time.Before(*s.Event.Since)) {
			t.Errorf("%+v", s.Event)
		}
	}
}

// TestAStartOnAFullDiskIsRecordedLater has the first write fail, and with it the record of what was cut.
func TestAStartOnAFullDiskIsRecordedLater(t *testing.T) {
	dir := t.TempDir()
	closed(t, open(t, dir, Options{}))
	tear(t, dir)
	// A directory is in the way of the segment that the start would go to.
	w := still(t, dir, Options{SegmentBytes: 1})
	blocked := segmentPath(dir, w.head.Seq+1)
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.write(nil); err == nil {
		t.Fatal("it was written")
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	w.one(t, 1)
	_, all := whole(t, dir)
	if n := len(all); all[n-2].Kind != KindStart || all[n-2].Event.Cut == nil || all[n-1].Kind != KindAnswer {
		t.Errorf("%v", kinds(all))
	}
}
