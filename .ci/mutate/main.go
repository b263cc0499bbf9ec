// Command mutate puts small faults into a copy of the project, one at a time, and tells which of them the tests notice:
//
//	go run ./.ci/mutate                             all of them, for about half an hour
//	go run ./.ci/mutate -list                       their names
//	go run ./.ci/mutate drain-delay pkg/            those whose names have one of the words
//	go run ./.ci/mutate -record killed.txt          again, without those that were killed before
//
// It fails when fewer than 95 in 100 are noticed, or when a fault's text is not in its file any more: then the table of
// faults, mutants.go, wants an edit. The working tree is left alone; what is tested is what it holds at the start, with
// what is not committed.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mutant is a fault: a text that stands in a file once, and what is put in its place.
type mutant struct {
	name     string // PACKAGE: WHAT
	file     string
	old, new string
	packages []string // whose tests should notice, each perhaps with the test that is tried first: see in
}

// apply gives the file's text with the fault.
func (m mutant) apply(text []byte) ([]byte, error) {
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("its text occurs in %s %d times, expected once", m.file, n)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// least is the share of faults that are to be noticed.
const least = 0.95

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx)
	stop()
	os.Exit(status)
}

func run(ctx context.Context) int {
	list := flag.Bool("list", false, "print the names and do nothing")
	record := flag.String("record", "", "file that lists killed faults: they are not tried again, and new ones are added")
	timeout := flag.Duration("timeout", 3*time.Minute, "longest time for a package's tests; a fault that makes them hang counts as noticed")
	trust := flag.Bool("trust", false, "assume that the tests pass without a fault")
	flag.Parse()

	chosen := choose(flag.Args())
	if *list {
		for _, m := range chosen {
			fmt.Println(m.name)
		}
		return 0
	}
	t := tester{timeout: *timeout}
	before, err := recorded(*record)
	if err == nil {
		err = t.copyTree()
	}
	defer os.RemoveAll(t.dir)
	if err == nil && !*trust {
		err = t.sound(ctx, chosen, before)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		return 2
	}

	count := map[verdict]int{}
	var wrong []string
	for i, m := range chosen {
		began := time.Now()
		v, detail := killed, "before"
		if !before[m.name] {
			v, detail = t.try(ctx, m)
		}
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "mutate: interrupted")
			return 2
		}
		count[v]++
		fmt.Printf("%3d/%d  %-14s %4.0f s  %-50s %s\n", i+1, len(chosen), v, time.Since(began).Seconds(), m.name, detail)
		if v != killed {
			wrong = append(wrong, fmt.Sprintf("%s: %s in %s", m.name, v, m.file))
		} else if *record != "" && !before[m.name] {
			if err := note(*record, m.name); err != nil {
				fmt.Fprintln(os.Stderr, "mutate:", err)
				return 2
			}
		}
	}
	fmt.Println()
	for _, line := range wrong {
		fmt.Println(line)
	}
	tried := count[killed] + count[survived]
	share := float64(count[killed]) / float64(max(tried, 1))
	fmt.Printf("%d of %d killed, %.1f %%; %d survived, %d do not apply or build\n",
		count[killed], tried, 100*share, count[survived], count[broken])
	if count[broken] > 0 || share < least {
		return 1
	}
	return 0
}

// choose gives the mutants whose names have one of the words, all without words.
func choose(words []string) []mutant {
	if len(words) == 0 {
		return mutants
	}
	return slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(m.name, word) })
	})
}

// recorded reads the names in a file, one a line; none where there is no file.
func recorded(path string) (map[string]bool, error) {
	names := map[string]bool{}
	if path == "" {
		return names, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return names, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		names[lines.Text()] = true
	}
	return names, lines.Err()
}

func note(path, name string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, name)
	return errors.Join(err, f.Close())
}

// verdict is what became of a mutant.
type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	broken   verdict = "DOES NOT APPLY" // or build
)

// tester tests a copy of the tree.
type tester struct {
	dir     string
	timeout time.Duration
}

// copyTree copies the files that git knows or would add.
func (t *tester) copyTree() error {
	root, err := output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	root = strings.TrimSpace(root)
	files, err := output("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp("", "mutate-"); err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(files, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(t.dir, name), filepath.Join(root, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err // one that is not there was removed and is still in the index
		}
	}
	return nil
}

func copyFile(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}

// sound sees that the packages pass without a fault: a test that fails anyway notices nothing.
func (t *tester) sound(ctx context.Context, chosen []mutant, before map[string]bool) error {
	var done []string
	for _, m := range chosen {
		for _, name := range m.packages {
			folder, _, _ := strings.Cut(name, " ")
			if before[m.name] || slices.Contains(done, folder) {
				continue
			}
			done = append(done, folder)
			began := time.Now()
			if passes, text := t.test(ctx, folder, "."); ctx.Err() != nil {
				return ctx.Err()
			} else if !passes {
				return fmt.Errorf("the tests of %s fail without a fault:\n%s", folder, text)
			}
			fmt.Printf("passes without a fault  %4.0f s  %s\n", time.Since(began).Seconds(), folder)
		}
	}
	return nil
}

// try puts the fault into the copy, tests, and takes it out again.
func (t *tester) try(ctx context.Context, m mutant) (verdict, string) {
	path := filepath.Join(t.dir, filepath.FromSlash(m.file))
	whole, err := os.ReadFile(path)
	if err != nil {
		return broken, err.Error()
	}
	spoilt, err := m.apply(whole)
	if err != nil {
		return broken, err.Error()
	}
	if err := os.WriteFile(path, spoilt, 0o644); err != nil {
		return broken, err.Error()
	}
	defer func() { _ = os.WriteFile(path, whole, 0o644) }()
	for _, name := range m.packages {
		folder, first, _ := strings.Cut(name, " ")
		for _, tests := range []string{first, "."} {
			if tests == "" {
				continue
			}
			passes, text := t.test(ctx, folder, tests)
			if strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") {
				return broken, "does not build: " + strings.Join(strings.Fields(text), " ")
			}
			if !passes {
				return killed, folder + " " + failed(text)
			}
		}
	}
	return survived, ""
}

// test runs the tests of a package whose names match.
func (t *tester) test(ctx context.Context, folder, tests string) (passes bool, text string) {
	text, err := t.command(ctx, "test", "-count=1", "-vet=off", "-failfast", "-timeout", t.timeout.String(), "-run", tests, "./"+folder)
	return err == nil, text
}

// command runs go in the copy. What it starts ends with it: a test that hangs leaves processes behind.
func (t *tester) command(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = t.dir
	c.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false -trimpath", "GOWORK=off") // so that what was built in another copy is used again
	c.WaitDelay = 10 * time.Second
	var text bytes.Buffer
	c.Stdout, c.Stderr = &text, &text
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	if err := c.Start(); err != nil {
		return "", err
	}
	err := c.Wait()
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // whoever is left of the group
	return text.String(), err
}

// failed is the first test that a run's output calls failed, or its panic.
func failed(text string) string {
	for line := range strings.Lines(text) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); found {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
		if strings.HasPrefix(line, "panic: ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
