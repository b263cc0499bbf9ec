package api

import "time"

// admit takes tasks into the queue, all of them or none.
func (q *Queue) admit(tasks []Task) ([]*ticket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrQueueClosed
	}
	now := time.Now()
	if refused := q.refusal(tasks, now); refused != nil {
		return nil, refused
	}
	tickets := make([]*ticket, len(tasks))
	for i, task := range tasks {
		t := &ticket{Task: task, cost: q.estimate.of(task.Work), admitted: now, alone: len(tasks) == 1, ready: make(chan struct{})}
		t.flow = q.flow(task)
		t.flow.push(t)
		q.waiting++
		q.backlog += t.cost
		tickets[i] = t
	}
	q.dispatch()
	return tickets, nil
}

// refusal is why the tasks cannot be taken now, or nil. q.mu is held.
func (q *Queue) refusal(tasks []Task, now time.Time) error {
	busy := &BusyError{After: q.backlog / time.Duration(q.workers)}
	free := q.capacity - q.waiting
	// Where nothing is there yet, a batch of as many as there is room for must be taken: it could never be later.
	if len(tasks) > 0 && tasks[0].Batch && q.waiting+len(q.working) > 0 {
		free -= q.capacity / 4
	}
	if len(tasks) > max(0, free)+q.workers-len(q.working) {
		return busy
	}
	mine := map[flowKey]int{}
	for _, task := range tasks {
		mine[keyOf(task)]++
	}
	for key, n := range mine {
		f := q.find(key)
		// As many places as are left, so that there are always some for the next flow.
		if f != nil && len(f.waiting) > 0 && key.caller != (caller{}) && len(f.waiting)+n > free {
			return busy
		}
	}
	for _, task := range tasks {
		key, cost := keyOf(task), q.estimate.of(task.Work)
		f := q.find(key)
		wait, most, overrun := q.ahead(key, f, cost)/time.Duration(q.workers), q.Wait, false
		if !task.Deadline.IsZero() && now.Add(q.soonest(now)+wait+q.least(task)).After(task.Deadline) {
			return ErrDeadline
		}
		if q.Wait == 0 {
			overload, steeply := q.pressure.arrives(cost, q.estimate.service, q.workers, q.crowded(), now)
			if !overload {
				continue
			}
			if steeply && f != nil {
				q.takeBack(f)
				wait = q.ahead(key, f, cost) / time.Duration(q.workers)
			}
			// Half of what a task takes keeps the workers busy.
			most, overrun = q.estimate.service/2, q.overrun(key, now)
		}
		if busy.TooLong = overrun || wait > most && !q.first(key, f); busy.TooLong {
			return busy
		}
	}
	return nil
}

// least estimates how long a task with a deadline takes at least.
func (q *Queue) least(t Task) time.Duration { return q.estimate.of(t.Least) }

// soonest is about when a worker is free. q.mu is held.
func (q *Queue) soonest(now time.Time) (soonest time.Duration) {
	if len(q.working) < q.workers {
		return 0
	}
	for i, t := range q.working {
		if left := max(0, t.cost-now.Sub(t.begun)); i == 0 || left < soonest {
			soonest = left
		}
	}
	return soonest
}
