package api

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func someone(n byte) caller {
	return caller{network: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 32)}
}

// sleeper is a task that takes as long as it says.
func sleeper(c caller, took time.Duration, memory int64) Task {
	return Task{Work: took, Size: took, Memory: memory, caller: c, Run: func(context.Context, time.Duration) error { time.Sleep(took); return nil }}
}

// order runs the tasks, given to the queue one after the other while it is busy, and tells in which order they ran.
func order(t *testing.T, q *Queue, tasks map[string]Task, names []string) []string {
	t.Helper()
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = q.Do(t.Context(), block(release)) })
	synctest.Wait()
	var mu sync.Mutex
	var ran []string
	for _, name := range names {
		task := tasks[name]
		run := task.Run
		task.Run = func(ctx context.Context, waited time.Duration) error {
			mu.Lock()
			ran = append(ran, name)
			mu.Unlock()
			return run(ctx, waited)
		}
		wg.Go(func() {
			if _, err := q.Do(t.Context(), task); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		synctest.Wait()
		time.Sleep(time.Microsecond)
	}
	close(release)
	wg.Wait()
	return ran
}

func TestQueueSharesWorkersByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One asks for eight times as much, and comes first.
		tasks := map[string]Task{"hog": sleeper(someone(1), 80*time.Millisecond, 0), "normal": sleeper(someone(2), 10*time.Millisecond, 0)}
		ran := order(t, NewQueue(1, 64), tasks, slices.Concat(slices.Repeat([]string{"hog"}, 8), slices.Repeat([]string{"normal"}, 8)))
		if hogs := slices.Index(ran, "normal"); hogs > 1 {
			t.Errorf("%d of the hog's ran before the first of the other's: %v", hogs, ran)
		}
		if at := len(ran) - 1 - slices.Index(reversed(ran), "normal"); at > 10 {
			t.Errorf("the other's last ran as number %d: %v", at, ran)
		}
	})
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func TestQueueHasCheapTasksOfACallerNotWaitForItsCostly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := map[string]Task{"costly": sleeper(someone(1), 500*time.Millisecond, 0), "cheap": sleeper(someone(1), 10*time.Millisecond, 0)}
		ran := order(t, NewQueue(1, 64), tasks, slices.Concat(slices.Repeat([]string{"costly"}, 8), []string{"cheap", "cheap"}))
		if at := slices.Index(ran, "cheap"); at > 1 {
			t.Errorf("the first cheap one ran as number %d: %v", at, ran)
		}
	})
}

// What a task said of itself is corrected by what it took: who understates gains nothing.
func TestQueueChargesWhatATaskTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		liar := sleeper(someone(1), 80*time.Millisecond, 0)
		liar.Work = 10 * time.Millisecond
		tasks := map[string]Task{"liar": liar, "honest": sleeper(someone(2), 10*time.Millisecond, 0)}
		var names []string
		for range 8 {
			names = append(names, "liar", "honest")
		}
		ran := order(t, NewQueue(1, 64), tasks, names)
		if last := len(ran) - 1 - slices.Index(reversed(ran), "honest"); last > 10 {
			t.Errorf("the honest one's last ran as number %d: %v", last, ran)
		}
	})
}

func TestACallerCannotTakeEveryPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 16)
		release := make(chan struct{})
		refused := 0
		var mu sync.Mutex
		flood := func(c caller) {
			for range 40 {
				task := block(release)
				task.caller = c
				go func() {
					if _, err := q.Do(t.Context(), task); errors.Is(err, ErrQueueFull) {
						mu.Lock()
						refused++
						mu.Unlock()
					}
				}()
			}
			synctest.Wait()
		}
		flood(someone(1))
		if q.Depth() != 8 || refused != 40-1-8 {
			t.Errorf("one caller: %d wait, %d refused", q.Depth(), refused)
		}
		flood(someone(2))
		if q.Depth() != 12 {
			t.Errorf("two callers: %d wait", q.Depth())
		}
		flood(someone(3))
		if q.Depth() != 14 {
			t.Errorf("three callers: %d wait", q.Depth())
		}
		close(release)
		synctest.Wait()
		if len(q.flows) != 0 || len(q.parties) != 0 || q.backlog != 0 || q.Held() != 0 {
			t.Errorf("at rest: %d flows, %d callers, backlog %v, %d bytes", len(q.flows), len(q.parties), q.backlog, q.Held())
		}
	})
}

func TestQueueStartsNoMoreThanMemoryAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(8, 64)
		q.Memory = 100
		var held, most int64
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 40 {
			task := sleeper(someone(byte(i%3)), time.Duration(1+i%4)*time.Millisecond, []int64{10, 60, 100, 300}[i%4])
			run := task.Run
			task.Run = func(ctx context.Context, waited time.Duration) error {
				mu.Lock()
				held += min(task.Memory, 100)
				most = max(most, held)
				mu.Unlock()
				err := run(ctx, waited)
				mu.Lock()
				held -= min(task.Memory, 100)
				mu.Unlock()
				return err
			}
			wg.Go(func() { _, _ = q.Do(t.Context(), task) })
		}
		wg.Wait()
		if most > 100 || most < 60 {
			t.Errorf("%d bytes were held at a time, of 100", most)
		}
		if q.Held() != 0 || q.Busy() != 0 || q.Depth() != 0 {
			t.Errorf("at the end %d bytes, %d busy, %d waiting", q.Held(), q.Busy(), q.Depth())
		}
	})
}

// In twice the load that there are workers for, who is taken does not wait for long but at its beginning, of a caller alone
// for a tenth of a task and of several nearly always, and the workers are not idle.
func TestAnOverloadDoesNotBecomeAQueue(t *testing.T) {
	for _, c := range []struct {
		callers, ran int
		wait         time.Duration
	}{{5, 1950, 40 * time.Millisecond}, {1, 1900, 2 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) { overload(t, c.callers, c.ran, c.wait) })
	}
}

func overload(t *testing.T, callers, ran int, wait time.Duration) {
	const took, workers = 20 * time.Millisecond, 2
	q := NewQueue(workers, 64)
	var waits []time.Duration
	refused, begin := 0, time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 4000 {
		task := Task{Work: took, caller: someone(byte(i % callers)), Run: func(_ context.Context, waited time.Duration) error {
			time.Sleep(took)
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, waited)
			if waited > wait && time.Since(begin) > 500*time.Millisecond {
				t.Errorf("%d callers: waited %v, %v after the beginning", callers, waited, time.Since(begin))
			}
			return nil
		}}
		wg.Go(func() {
			_, err := q.Do(t.Context(), task)
			if busy := (*BusyError)(nil); errors.As(err, &busy) {
				mu.Lock()
				defer mu.Unlock()
				refused++
				if busy.After > time.Second {
					t.Errorf("told to come back in %v", busy.After)
				}
			}
		})
		time.Sleep(took / workers / 2)
	}
	wg.Wait()
	time.Sleep(2 * linger)
	if longest := slices.Max(waits); longest > 12*took {
		t.Errorf("waited %v at the beginning", longest)
	}
	late := 0
	for _, w := range waits {
		if w > took/10 {
			late++
		}
	}
	if most := map[int]int{1: 30, 5: 60}[callers]; late > most {
		t.Errorf("%d callers: %d waited for more than a tenth of a task, %d at most should", callers, late, most)
	}
	if len(waits) < ran || len(waits)+refused != 4000 {
		t.Errorf("%d callers: %d ran, %d refused", callers, len(waits), refused)
	}
}

// In an overload by batches, callers who wait for their answers are not refused for it, and a batch still has its tenth.
func TestAnOverloadOfBatchesRefusesNobodyElse(t *testing.T) {
	for _, workers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			const took = 20 * time.Millisecond
			q := NewQueue(workers, 64)
			var mu sync.Mutex
			var wg sync.WaitGroup
			answered, refused, batch := 0, 0, 0
			end := time.Now().Add(10 * time.Second)
			for i := range 48 { // a batch's
				wg.Go(func() {
					for time.Now().Before(end) {
						task := sleeper(someone(byte(i%3)), took, 0)
						task.Batch = true
						if _, err := q.Do(t.Context(), task); err == nil {
							mu.Lock()
							batch++
							mu.Unlock()
						}
						time.Sleep(took / 4)
					}
				})
			}
			time.Sleep(time.Second)
			wg.Go(func() {
				for time.Now().Before(end) {
					_, err := q.Do(t.Context(), sleeper(someone(9), took, 0))
					mu.Lock()
					if err != nil {
						refused++
					} else {
						answered++
					}
					mu.Unlock()
					time.Sleep(took / 4)
				}
			})
			wg.Wait()
			time.Sleep(2 * linger)
			if refused > answered/100 || answered < 150 || batch < 45*workers {
				t.Errorf("%d workers: %d answered and %d refused beside %d of batches", workers, answered, refused, batch)
			}
		})
	}
}

// A flow is owed work when it had less than half of an equal share of what was done lately, and only so much is remembered.
func TestWhatAFlowIsOwed(t *testing.T) {
	var r recent
	flows := make([]flowKey, 2*recentTasks)
	for i := range flows {
		flows[i] = flowKey{class: i}
	}
	if r.owed(flows[0]) {
		t.Error("a flow is owed something when nothing was done")
	}
	for range 3 {
		r.add(flows[0], 40)
		r.add(flows[1], 13)
	}
	for i, want := range []bool{false, true, true} { // of equal shares, 79.5 or, with the third, 53
		if got := r.owed(flows[i]); got != want {
			t.Errorf("flow %d is owed %v, want %v", i, got, want)
		}
	}
	r.add(flows[1], 3) // 42 of 162
	if r.owed(flows[1]) {
		t.Error("a flow that had half of its share is owed more")
	}
	for _, f := range flows {
		r.add(f, 5)
	}
	if len(r.had) != recentTasks || len(r.tasks) != recentTasks || r.total != 5*recentTasks || !r.owed(flows[0]) || r.owed(flows[len(flows)-1]) {
		t.Errorf("%d tasks of %d flows are remembered, %d in all", len(r.tasks), len(r.had), r.total)
	}
}

// When an overload is over, nobody is refused any longer, though some ask while all workers have just begun.
func TestAnOverloadEnds(t *testing.T) {
	for _, workers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			const took = 20 * time.Millisecond
			q := NewQueue(workers, 64)
			refused := 0
			var mu sync.Mutex
			var wg sync.WaitGroup
			ask := func() {
				wg.Go(func() {
					if _, err := q.Do(t.Context(), sleeper(someone(1), took, 0)); err != nil {
						mu.Lock()
						defer mu.Unlock()
						refused++
					}
				})
			}
			for range 2 * workers * 100 { // two seconds of twice the capacity
				ask()
				time.Sleep(took / time.Duration(2*workers))
			}
			wg.Wait()
			if refused < workers*50 {
				t.Errorf("%d workers: only %d refused in the overload", workers, refused)
			}
			for i := range 60 { // half of the capacity, three tasks a worker at a time
				if i == 15 {
					mu.Lock()
					refused = 0
					mu.Unlock()
				}
				for range 3 * workers {
					ask()
				}
				time.Sleep(6 * took)
			}
			wg.Wait()
			time.Sleep(2 * linger)
			if refused > 0 {
				t.Errorf("%d workers: %d refused long after the overload", workers, refused)
			}
		})
	}
}

// Sixteen clients that each ask again when they were answered keep two workers busy, and are no overload.
func TestAFewClientsAreNoOverload(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			q := NewQueue(workers, 64)
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					for n := range 200 {
						took := time.Duration(1+(i+n)%3) * time.Millisecond
						if _, err := q.Do(t.Context(), sleeper(someone(1), took, 0)); err != nil {
							t.Errorf("%d workers: %v", workers, err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// What is sent at once, and fits, is answered.
func TestABurstMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(2, 64)
		var wg sync.WaitGroup
		for range 5 {
			for range 30 {
				wg.Go(func() {
					if _, err := q.Do(t.Context(), sleeper(someone(1), 20*time.Millisecond, 0)); err != nil {
						t.Error(err)
					}
				})
			}
			time.Sleep(time.Second)
		}
		for i := range 30 { // nor is it taken back when one more comes
			wg.Go(func() {
				if _, err := q.Do(t.Context(), sleeper(someone(1), 20*time.Millisecond, 0)); err != nil {
					t.Errorf("%d of a burst: %v", i, err)
				}
			})
		}
		time.Sleep(70 * time.Millisecond)
		_, _ = q.Do(t.Context(), sleeper(someone(1), 20*time.Millisecond, 0))
		wg.Wait()
		slow := NewQueue(2, 64)
		for range 20 {
			_, _ = slow.Do(t.Context(), sleeper(someone(1), 3*time.Millisecond, 0))
		}
		for i := range 30 { // nor when it comes long after, and all take longer than others before
			wg.Go(func() {
				if _, err := slow.Do(t.Context(), sleeper(someone(1), 600*time.Millisecond, 0)); err != nil {
					t.Errorf("%d of a slow burst: %v", i, err)
				}
			})
		}
		time.Sleep(590 * time.Millisecond)
		_, _ = slow.Do(t.Context(), sleeper(someone(1), 600*time.Millisecond, 0))
		wg.Wait()
		time.Sleep(2 * linger)
		fixed := NewQueue(1, 64)
		fixed.Wait = 50 * time.Millisecond
		refused := 0
		var mu sync.Mutex
		for range 30 {
			wg.Go(func() {
				_, err := fixed.Do(t.Context(), sleeper(someone(1), 20*time.Millisecond, 0))
				if busy := (*BusyError)(nil); errors.As(err, &busy) && busy.TooLong {
					mu.Lock()
					defer mu.Unlock()
					refused++
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * linger)
		if refused != 30-4 {
			t.Errorf("%d of 30 refused where up to 50 ms may be waited for", refused)
		}
	})
}
