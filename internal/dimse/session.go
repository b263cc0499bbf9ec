package dimse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// session is one connection to the server.
type session struct {
	server *Server
	conn   *timed
	wire   *wire
	addr   netip.Addr
	remote string

	calling, called string // fit to be printed, once an association was asked for
	established     bool
	contexts        map[byte]accepted
	objects         int
	bytes           int64
	begun           time.Time
}

// address is where a connection comes from, the zero value for other networks than TCP.
func address(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

func newSession(s *Server, conn net.Conn, from netip.Addr) *session {
	l := s.Limits
	c := &session{server: s, addr: from, remote: conn.RemoteAddr().String(), begun: time.Now()}
	if s.TLS != nil {
		conn = tls.Server(conn, s.TLS)
	}
	c.conn = newTimed(conn, l.Request, pace{idle: l.Idle, message: l.Message, rate: l.Rate, write: l.Write})
	c.wire = newWire(c.conn, l.PDU)
	return c
}

// run is the connection's life.
func (c *session) run() {
	err := c.request()
	if err == nil {
		err = c.serve()
	}
	if c.established {
		c.server.dissolve(c.addr)
	}
	outcome, last := c.outcome(err)
	c.log(outcome, err)
	c.server.ended(outcome)
	if last == nil {
		c.conn.Close()
		return
	}
	c.conn.part(last, farewell)
}

// outcome is how an error ends the connection, and the last PDU for the peer.
func (c *session) outcome(err error) (Outcome, []byte) {
	var (
		aborted  *AbortError
		rejected *RejectedError
		broken   *violationError
	)
	switch {
	case errors.Is(err, errRelease):
		return Released, appendPDU(nil, pduReleaseRP, make([]byte, 4))
	case errors.As(err, &aborted):
		return Aborted, nil
	case errors.As(err, &rejected):
		return Rejected, rejection(rejected)
	case errors.As(err, &broken):
		return Violated, appendPDU(nil, pduAbort, []byte{0, 0, 2, broken.reason})
	case errors.Is(err, errShutdown):
		return Stopped, appendPDU(nil, pduAbort, []byte{0, 0, 0, 0})
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.established:
		return Late, nil // PS3.8, 9.2.3: state 2 closes the connection
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Late, appendPDU(nil, pduAbort, []byte{0, 0, 0, 0})
	}
	return Lost, nil
}

func (c *session) log(outcome Outcome, err error) {
	level := slog.LevelInfo
	switch {
	case outcome == Rejected:
		level = slog.LevelWarn
	case !c.established:
		level = slog.LevelDebug
	case outcome != Released && outcome != Stopped:
		level = slog.LevelWarn
	}
	log := c.server.Log
	if !log.Enabled(c.server.ctx, level) {
		return
	}
	// Whoever can connect can have these lines in any number.
	if !c.server.lines.Allow() {
		c.server.missed.Add(1)
		return
	}
	attrs := []slog.Attr{
		slog.String("remote", c.remote),
		slog.String("outcome", string(outcome)),
		slog.Float64("seconds", time.Since(c.begun).Seconds()),
	}
	if c.calling != "" || c.called != "" {
		attrs = append(attrs, slog.String("calling_ae", c.calling), slog.String("called_ae", c.called))
	}
	if c.established {
		attrs = append(attrs, slog.Int("objects", c.objects), slog.Int64("bytes", c.bytes))
	}
	if missed := c.server.missed.Swap(0); missed > 0 {
		attrs = append(attrs, slog.Int64("not_logged", missed))
	}
	var rejected *RejectedError
	switch {
	case errors.As(err, &rejected):
		attrs = append(attrs, slog.String("reason", rejected.reason()))
	case outcome != Released && outcome != Stopped:
		attrs = append(attrs, slog.String("reason", err.Error()))
	}
	log.LogAttrs(c.server.ctx, level, "DICOM association", attrs...)
}

// request waits for the request for an association and answers it.
func (c *session) request() error {
	p, err := readPDU(c.wire.in)
	switch {
	case err != nil:
		return err
	case p.kind == pduAbort:
		return c.wire.data(p)
	case p.kind != pduAssociateRQ:
		return unexpected(p.kind)
	}
	request, err := p.associate(c.wire.in)
	if err != nil {
		return err
	}
	c.calling, c.called = printable(request.calling), printable(request.called)
	answer, err := c.server.judge(request, c.addr)
	if err != nil {
		return err
	}
	if err := c.wire.limit(request.maxLength, defaultPDU); err != nil {
		return err
	}
	if c.established = c.server.establish(c.addr); !c.established {
		return &RejectedError{rejectedTransient, sourcePresentation, presentationCap}
	}
	c.contexts = map[byte]accepted{}
	for _, p := range answer.presentations {
		if p.result == contextAccepted {
			c.contexts[p.id] = accepted{p.id, p.abstract, p.syntaxes[0]}
		}
	}
	return c.wire.sendBytes(answer.append(nil, pduAssociateAC))
}

// serve answers messages until the association ends, which is an error.
func (c *session) serve() error {
	for {
		if err := c.wire.await(); err != nil {
			return err
		}
		if err := c.answer(); err != nil {
			return err
		}
	}
}

// answer reads a message and answers it.
func (c *session) answer() error {
	var (
		object  *intake
		refused Status
		comment string
		begin   = time.Now()
	)
	id, request, err := c.wire.message(c.known, func(id byte, request command) sink {
		refused, comment = c.admit(c.contexts[id], request)
		if request.field != commandStore || refused != Success {
			return new(discard)
		}
		object = c.intake(c.contexts[id], request)
		return object
	})
	if object != nil {
		defer object.release()
	}
	if err != nil {
		return err
	}
	if !request.data {
		refused, comment = c.admit(c.contexts[id], request)
	}
	status := refused
	switch {
	case request.field == commandCancel:
		return nil // there is nothing left to cancel, and no answer to it (PS3.7, 9.3.2.3)
	case request.field&response != 0:
		return violation(reasonNotSpecified, "a response that was not asked for")
	case object != nil:
		status, comment = c.store(c.contexts[id], request, object)
	}
	err = c.wire.send(id, request.reply(status, comment), nil)
	if request.field == commandStore && c.server.Hooks.Stored != nil {
		var size int64
		if object != nil {
			size = object.size
		}
		c.server.Hooks.Stored(status, size, time.Since(begin))
	}
	return err
}

func (c *session) known(id byte) bool {
	_, ok := c.contexts[id]
	return ok
}

// admit tells what can be said of a request before its data set.
func (c *session) admit(in accepted, request command) (Status, string) {
	switch {
	case request.field == commandEcho && request.class == dicom.Verification && in.class == dicom.Verification:
		return Success, ""
	case request.field != commandStore && request.field != commandEcho:
		return UnrecognizedOperation, ""
	case request.class != in.class:
		return ClassNotSupported, "not the SOP class of the presentation context"
	case request.field == commandEcho:
		return ClassNotSupported, ""
	case !slices.Contains(c.server.StorageClasses, request.class):
		return ClassNotSupported, "objects of this SOP class are not taken"
	case request.instance == "" || !request.data:
		return CannotUnderstand, "no SOP instance UID or no data set"
	}
	return Success, ""
}

// intake is for the data set of a request that was admitted.
func (c *session) intake(in accepted, request command) *intake {
	s := c.server
	i := &intake{ctx: s.ctx, budget: s.budget, conn: c.conn, wait: s.Limits.Room, limit: s.Limits.Object}
	var err error
	if i.head, err = fileHeader(in.class, request.instance, in.syntax); err != nil {
		i.refuse(ProcessingFailure)
	}
	return i
}

// store hands a data set that is complete to the server's Store.
func (c *session) store(in accepted, request command, data *intake) (status Status, comment string) {
	file := data.join()
	if file == nil {
		return data.refused, "too large, or too much at a time"
	}
	if data.size == 0 {
		return CannotUnderstand, "the data set is empty"
	}
	defer func() {
		if v := recover(); v != nil {
			// What was passed to panic may hold anything of the object. The stack has no more of it than addresses.
			c.server.Log.Error("taking a DICOM object panicked",
				"remote", c.remote, "kind", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			status, comment = ProcessingFailure, ""
		}
	}()
	status, comment = c.server.Store(c.server.ctx, Object{
		CallingAE: c.calling, CalledAE: c.called, Remote: c.remote,
		SOPClass: in.class, SOPInstance: request.instance, Syntax: in.syntax,
		Data: file[len(data.head):], file: file,
	})
	if status.Stored() {
		c.objects++
		c.bytes += data.size
	}
	return status, clip(comment)
}

// clip makes a comment an ErrorComment: at most 64 characters of ASCII (LO, in the default repertoire).
func clip(comment string) string {
	comment = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '\\' {
			return '?'
		}
		return r
	}, comment)
	return comment[:min(len(comment), 64)]
}
