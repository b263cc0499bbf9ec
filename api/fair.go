package api

import (
	"math/bits"
	"slices"
	"time"
)

// flow holds the tasks of one caller that cost about the same. So a caller's costly pictures are in
// another flow than its cheap ones. This also helps callers behind a proxy, who look like one
// caller: one of them who sends pictures that take seconds does not hold up the others.
type flow struct {
	key     flowKey
	party   *party
	waiting []*ticket // first come first served
	running int
	time    account
	cost    time.Duration // of what waits
}

// flowKey identifies a flow. Costs of one class differ by a factor of four at most.
type flowKey struct {
	partyKey
	class int
}

// partyKey identifies a party. What a caller sends for nobody to wait for does not count against what it waits for.
type partyKey struct {
	caller caller
	batch  bool
}

// priority is 1 for batches and 0 for what is waited for.
func (k partyKey) priority() int {
	if k.batch {
		return 1
	}
	return 0
}

func keyOf(t Task) flowKey {
	return flowKey{partyKey{t.caller, t.Batch}, bits.Len64(uint64(max(t.Size, 0))) / 2}
}

// account is the workers' time that a flow or a caller has used.
type account struct {
	spent    time.Duration // starts at the least that any other had when it was opened
	reserved time.Duration // for running tasks
}

func (a account) total() time.Duration { return a.spent + a.reserved }

// party is a caller with tasks that wait or run, of one priority.
type party struct {
	flows int
	time  account
}

// recent is who had the workers' time lately. Flows are forgotten as soon as nothing of them is left, which in an overload is often.
type recent struct {
	tasks []recentTask
	next  int // which of them is the oldest, once there are recentTasks
	had   map[flowKey]recentTask
	total time.Duration
}

// recentTasks is how many tasks recent goes back: enough for eight callers who ask for the same to have nearly the same.
const recentTasks = 128

// recentTask is a task that ended or, in recent.had, a flow's together.
type recentTask struct {
	key  flowKey
	took time.Duration
	n    int
}

func (r *recent) add(key flowKey, took time.Duration) {
	if r.had == nil {
		r.had = map[flowKey]recentTask{}
	}
	t := recentTask{key, took, 1}
	if len(r.tasks) < recentTasks {
		r.tasks = append(r.tasks, t)
	} else {
		r.count(r.tasks[r.next], -1)
		r.tasks[r.next] = t
		r.next = (r.next + 1) % recentTasks
	}
	r.count(t, 1)
}

func (r *recent) count(t recentTask, sign int) {
	had := r.had[t.key]
	had.n += sign
	had.took += time.Duration(sign) * t.took
	r.total += time.Duration(sign) * t.took
	if r.had[t.key] = had; had.n == 0 {
		delete(r.had, t.key)
	}
}

// owed tells that a flow had less than half of what it would have had if all flows had had the same.
func (r *recent) owed(key flowKey) bool {
	flows := len(r.had)
	if _, there := r.had[key]; !there {
		flows++
	}
	return 2*time.Duration(flows)*r.had[key].took < r.total
}

func (f *flow) push(t *ticket) {
	f.waiting = append(f.waiting, t)
	f.cost += t.cost
}

func (f *flow) remove(t *ticket) {
	i := slices.Index(f.waiting, t)
	f.waiting = slices.Delete(f.waiting, i, i+1)
	f.cost -= t.cost
}

func (f *flow) reserve(cost time.Duration) {
	f.time.reserved += cost
	f.party.time.reserved += cost
}

func (f *flow) charge(took time.Duration) {
	f.time.spent += took
	f.party.time.spent += took
}

func (q *Queue) find(key flowKey) *flow {
	for _, f := range q.flows {
		if f.key == key {
			return f
		}
	}
	return nil
}

// flow finds a task's flow or begins it. A new flow is charged as much time as the waiting flow that
// has had the least. So it has no advantage from the time in which it asked for nothing, and no
// disadvantage either.
func (q *Queue) flow(t Task) *flow {
	key := keyOf(t)
	if f := q.find(key); f != nil {
		return f
	}
	p := q.parties[key.partyKey]
	if p == nil {
		p = &party{}
		first := true
		for _, other := range q.flows {
			if len(other.waiting) > 0 && other.key.batch == key.batch && (first || other.party.time.spent < p.time.spent) {
				p.time.spent, first = other.party.time.spent, false
			}
		}
		q.parties[key.partyKey] = p
	}
	f := &flow{key: key, party: p}
	first := true
	for _, other := range q.flows {
		if other.party == p && (first || other.time.spent < f.time.spent) {
			f.time.spent, first = other.time.spent, false
		}
	}
	p.flows++
	q.flows = append(q.flows, f)
	return f
}

// forget drops a flow of which nothing is left, and its caller with its last.
func (q *Queue) forget(f *flow) {
	if len(f.waiting) > 0 || f.running > 0 {
		return
	}
	i := slices.Index(q.flows, f)
	if i < 0 {
		return
	}
	q.flows = slices.Delete(q.flows, i, i+1)
	if f.party.flows--; f.party.flows == 0 {
		delete(q.parties, f.key.partyKey)
	}
}

// next is the flow whose turn it is: of those that wait, of the caller who had least, the one
// that had least; of equals, the one that has waited longest. It is nil when nothing waits. Batches have their turn where nothing
// else waits, and where they are owed it.
func (q *Queue) next() *flow {
	var best, batch *flow
	for _, f := range q.flows {
		of := &best
		if f.key.batch {
			of = &batch
		}
		if len(f.waiting) > 0 && (*of == nil || f.before(*of)) {
			*of = f
		}
	}
	if best == nil || batch != nil && q.owed >= batch.waiting[0].cost {
		return batch
	}
	return best
}

// batchShare is how much interactive work may pass what waits as a batch, as a multiple of it. So batches have a tenth of the
// workers' time at least, and none of them waits forever.
const batchShare = 9

// owe settles what batches are owed when a task is started.
func (q *Queue) owe(t *ticket) {
	switch interactive, batch := q.waits(); {
	case !batch: // nothing is saved up
		q.owed = 0
	case t.flow.key.batch && interactive:
		q.owed = max(0, q.owed-t.cost)
	case !t.flow.key.batch:
		q.owed += t.cost / batchShare
	}
}

// waits tells what kinds of work wait.
func (q *Queue) waits() (interactive, batch bool) {
	for _, f := range q.flows {
		if len(f.waiting) > 0 {
			interactive, batch = interactive || !f.key.batch, batch || f.key.batch
		}
	}
	return interactive, batch
}

func (f *flow) before(g *flow) bool {
	a, b := f.time.total(), g.time.total()
	if f.party != g.party {
		a, b = f.party.time.total(), g.party.time.total()
	}
	if a != b {
		return a < b
	}
	return f.waiting[0].admitted.Before(g.waiting[0].admitted)
}

// first tells a newcomer in flow f, nil for a new one, that is next but for one task of each of a few callers. It is
// taken however much waits: what others sent must not be what it is refused for.
func (q *Queue) first(key flowKey, f *flow) bool {
	if f != nil && len(f.waiting) > 0 {
		return false
	}
	waiting := map[*party]bool{}
	for _, other := range q.flows {
		if len(other.waiting) > 0 && (key.batch || !other.key.batch) {
			waiting[other.party] = true
		}
	}
	return len(waiting) <= max(1, q.workers/2)
}

// ahead is about the work that is done before a newcomer of such a cost in flow f, nil for a new
// one: all that waits in its flow, of each other flow as much as its own share by then, and of the other priority as much as
// passes that.
func (q *Queue) ahead(key flowKey, f *flow, cost time.Duration) time.Duration {
	var own, sum, others time.Duration
	if f != nil {
		own = f.cost
	}
	for _, other := range q.flows {
		switch {
		case other.key.batch != key.batch:
			others += other.cost
		case other != f:
			sum += min(other.cost, own+cost)
		}
	}
	if mine := own + sum; key.batch {
		return mine + min(others, (mine+cost)*batchShare)
	} else {
		return mine + min(others, (mine+cost)/batchShare)
	}
}
