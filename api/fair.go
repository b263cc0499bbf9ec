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
	caller caller
	class  int
}

func keyOf(t Task) flowKey { return flowKey{t.caller, bits.Len64(uint64(max(t.Size, 0))) / 2} }

// account is the workers' time that a flow or a caller has used.
type account struct {
	spent    time.Duration // starts at the least that any other had when it was opened
	reserved time.Duration // for running tasks
}

func (a account) total() time.Duration { return a.spent + a.reserved }

// party is a caller with tasks that wait or run.
type party struct {
	flows int
	time  account
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
	p := q.parties[t.caller]
	if p == nil {
		p = &party{}
		first := true
		for _, other := range q.flows {
			if len(other.waiting) > 0 && (first || other.party.time.spent < p.time.spent) {
				p.time.spent, first = other.party.time.spent, false
			}
		}
		q.parties[t.caller] = p
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
		delete(q.parties, f.key.caller)
	}
}

// next is the flow whose turn it is: of those that wait, of the caller who had least, the one
// that had least; of equals, the one that has waited longest. It is nil when nothing waits.
func (q *Queue) next() *flow {
	var best *flow
	for _, f := range q.flows {
		if len(f.waiting) > 0 && (best == nil || f.before(best)) {
			best = f
		}
	}
	return best
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
func (q *Queue) first(f *flow) bool {
	if f != nil && len(f.waiting) > 0 {
		return false
	}
	waiting := map[*party]bool{}
	for _, other := range q.flows {
		if len(other.waiting) > 0 {
			waiting[other.party] = true
		}
	}
	return len(waiting) <= max(1, q.workers/2)
}

// ahead is about the work that is done before a newcomer of such a cost in flow f, nil for a new
// one: all that waits in its flow, and of each other flow as much as its own share by then.
func (q *Queue) ahead(f *flow, cost time.Duration) time.Duration {
	var own, sum time.Duration
	if f != nil {
		own = f.cost
	}
	for _, other := range q.flows {
		if other != f {
			sum += min(other.cost, own+cost)
		}
	}
	return own + sum
}
