package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Caller is an application entity that may open associations.
type Caller struct {
	// AETitle is its title, "" for any.
	AETitle string
	// From are the addresses that it may call from; none are any.
	From []netip.Prefix
}

// Server takes objects over the network: the provider (SCP) of Verification and Storage. Its fields are set before Serve is
// called and not changed then.
type Server struct {
	// AETitle is the title that must be called; "" for any.
	AETitle string
	// Callers are who may call; none are anybody.
	Callers []Caller
	// StorageClasses are the SOP classes whose objects are handed to Store. Presentation contexts of other storage classes
	// are accepted too, and their objects answered with [ClassNotSupported], so that a peer can go on with its next object.
	StorageClasses []string
	// TransferSyntaxes are those that are accepted, in the order in which they are preferred where a presentation context
	// leaves a choice: [TransferSyntaxes], if there are none.
	TransferSyntaxes []string
	// Store takes an object and returns the status for its sender, with a comment of at most 64 characters or none. The
	// comment must not name a patient. It is called on the association's goroutine, for several associations at a time. The
	// context ends when the server is stopped. The object's data must not be kept longer than the call.
	Store func(ctx context.Context, o Object) (status Status, comment string)
	// TLS secures connections where it is not nil. Its ClientAuth tells whether clients must have certificates.
	TLS    *tls.Config
	Limits Limits
	Log    *slog.Logger // nil for none
	Hooks  Hooks

	once    sync.Once
	budget  *budget
	lines   *rate.Limiter
	missed  atomic.Int64    // lines that were not logged
	ctx     context.Context // of all calls of Store
	stop    context.CancelCauseFunc
	running sync.WaitGroup // connections

	mu          sync.Mutex
	closed      bool
	listeners   map[net.Listener]struct{}
	connections map[*session]struct{}
	open        map[netip.Addr]*load
	established int
}

// load is what one address has open.
type load struct{ connections, established int }

// Limits bound what peers can take. Zero values stand for the defaults.
type Limits struct {
	// Associations is how many there may be at a time (64), and PerAddress how many from one address (16). Twice as many
	// connections may be open, those beyond are closed at once.
	Associations, PerAddress int
	// Object is how many bytes one data set may have (64 MiB), and Memory how many all may hold that are on their way
	// (256 MiB, at least twice an object and 2 MiB). Room is how long a data set waits for its share of Memory (10 s) until
	// it is answered with [OutOfResources].
	Object, Memory int64
	Room           time.Duration
	// PDU is the longest P-DATA-TF that peers may send, in bytes (65536, at least 4096).
	PDU uint32
	// Request is the time for a connection to ask for an association, TLS included: the standard's ARTIM timer (30 s).
	Request time.Duration
	// Idle is how long an association may wait for its next message (5 min).
	Idle time.Duration
	// Message is the time in which a message has to be there (60 s), to which Rate adds a second for so many bytes (16384).
	// It is also the longest pause within a message.
	Message time.Duration
	Rate    int64
	// Write is the time in which a peer has to take what is written (30 s).
	Write time.Duration
}

func (l Limits) withDefaults() Limits {
	def(&l.Associations, 64)
	def(&l.PerAddress, 16)
	def(&l.Object, 64<<20)
	def(&l.Memory, 256<<20)
	def(&l.Room, 10*time.Second)
	def(&l.PDU, defaultPDU)
	l.PDU = max(l.PDU, 4096)
	def(&l.Request, 30*time.Second)
	def(&l.Idle, 5*time.Minute)
	def(&l.Message, time.Minute)
	def(&l.Rate, 16<<10)
	def(&l.Write, 30*time.Second)
	return l
}

// LargestObject is the most that [Limits].Object may be with such a Memory: a data set is held twice for a moment, when the
// parts that it came in are joined. It may be below 0, where the memory is too little for any.
func LargestObject(memory int64) int64 { return memory/2 - largePart }

func def[T int | int64 | uint32 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Hooks are told what happens, for metrics. Those that are nil are left out. They are called from several goroutines.
type Hooks struct {
	// Ended is told how a connection ended.
	Ended func(Outcome)
	// Stored is told of each C-STORE request: its status, the bytes of its data set, and the time from its command to its
	// response.
	Stored func(status Status, bytes int64, took time.Duration)
}

// Outcome is how a connection ended.
type Outcome string

// The outcomes.
const (
	Released Outcome = "released" // in order, by the peer
	Aborted  Outcome = "aborted"  // by the peer
	Lost     Outcome = "lost"     // the peer closed or the network failed
	Refused  Outcome = "refused"  // too many connections
	Rejected Outcome = "rejected" // no association was opened
	Late     Outcome = "late"     // the peer took too long
	Violated Outcome = "violated" // the peer broke the protocol
	Stopped  Outcome = "stopped"  // the server was shut down
)

// Outcomes lists them, for metrics that want their labels at the start.
func Outcomes() []Outcome {
	return []Outcome{Released, Aborted, Lost, Refused, Rejected, Late, Violated, Stopped}
}

var (
	errShutdown = errors.New("dimse: the server is shut down")
	// ErrServerClosed is the error of Serve for a server that was shut down before.
	ErrServerClosed = errors.New("dimse: the server is closed")
)

func (s *Server) init() {
	s.once.Do(func() {
		s.Limits = s.Limits.withDefaults()
		if len(s.TransferSyntaxes) == 0 {
			s.TransferSyntaxes = TransferSyntaxes()
		}
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		s.budget = newBudget(s.Limits.Memory)
		s.lines = rate.NewLimiter(10, 20)
		s.ctx, s.stop = context.WithCancelCause(context.Background())
		s.listeners = map[net.Listener]struct{}{}
		s.connections = map[*session]struct{}{}
		s.open = map[netip.Addr]*load{}
	})
}

// Serve accepts connections until the server is shut down or the context ends, which stops all associations at once. It
// returns nil, or the context's cause, when the last has ended; the listener is closed then.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.init()
	defer l.Close()
	switch limits := s.Limits; {
	case s.Store == nil && len(s.StorageClasses) > 0:
		return errors.New("dimse: a server with storage classes needs a Store")
	case limits.Object > LargestObject(limits.Memory):
		return fmt.Errorf("dimse: a memory of %d bytes is too little for objects of %d, which are held twice for a moment",
			limits.Memory, limits.Object)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	release := context.AfterFunc(ctx, func() { s.halt(context.Cause(ctx)) })
	defer release()
	err := s.accept(l)
	s.running.Wait()
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// accept runs until the listener is closed. Failures to accept, as for want of file descriptors, are tried again.
func (s *Server) accept(l net.Listener) error {
	var pause time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.take(quickly(conn))
			continue
		case s.isClosed():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("dimse: %w", err)
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.Log.Warn("a DICOM connection could not be accepted", "error", err)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// take begins a session on a connection, if there is room for one.
func (s *Server) take(conn net.Conn) {
	from := address(conn)
	s.mu.Lock()
	at := s.open[from]
	if at == nil {
		at = &load{}
	}
	if s.closed || len(s.connections) >= 2*s.Limits.Associations || at.connections >= 2*s.Limits.PerAddress {
		s.mu.Unlock()
		conn.Close()
		s.ended(Refused)
		return
	}
	c := newSession(s, conn, from)
	at.connections++
	s.open[from] = at
	s.connections[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		c.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.connections, c)
		if at.connections--; at.connections == 0 {
			delete(s.open, from)
		}
	}()
}

// establish counts a connection as an association, if there may be one more.
func (s *Server) establish(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.open[from]
	if s.established >= s.Limits.Associations || at.established >= s.Limits.PerAddress {
		return false
	}
	s.established++
	at.established++
	return true
}

func (s *Server) dissolve(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.established--
	s.open[from].established--
}

func (s *Server) ended(o Outcome) {
	if s.Hooks.Ended != nil {
		s.Hooks.Ended(o)
	}
}

// close closes the listeners and tells each connection to end, either now or when it has no message in progress.
func (s *Server) close(now bool, cause error) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.connections {
		if now {
			c.conn.stop(cause)
		} else {
			c.conn.drain(cause)
		}
	}
}

func (s *Server) halt(cause error) {
	s.close(true, errShutdown)
	s.stop(cause)
}

// Shutdown stops accepting. Associations end by an A-ABORT when the message that they are at has been answered, or when the
// context ends: then its cause is returned, and the contexts of Store end. It may be called more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close(false, errShutdown)
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.stop(errShutdown)
		return nil
	case <-ctx.Done():
		s.halt(context.Cause(ctx))
		return context.Cause(ctx)
	}
}

// Associations is how many there are.
func (s *Server) Associations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.established
}

// Held is how many bytes data sets hold that are on their way.
func (s *Server) Held() int64 {
	s.init()
	return s.budget.held.Load()
}
