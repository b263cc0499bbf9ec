package dimse

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Peer is an application entity that associations are opened to.
type Peer struct {
	// Addr is host:port.
	Addr string
	// CalledAE and CallingAE are the titles of the peer and of this program: 1 to 16 printable characters of ASCII, no
	// backslash.
	CalledAE, CallingAE string
	// TLS is used where it is not nil. Without a ServerName it takes the host of Addr.
	TLS *tls.Config
	// Timeout bounds the opening of a connection, each write, and each wait for an answer: 30 seconds.
	Timeout time.Duration
	// MaxPDU is the longest P-DATA-TF that is taken and sent, in bytes: 65536. The peer may ask for shorter ones.
	MaxPDU uint32
}

const (
	defaultTimeout = 30 * time.Second
	defaultPDU     = 64 << 10
)

// Context is a presentation context to be proposed.
type Context struct {
	// Class is the UID of a SOP class, Syntaxes are those of transfer syntaxes, of which the peer chooses one.
	Class    string
	Syntaxes []string
}

// StorageContext proposes to store uncompressed objects of a SOP class, in explicit and implicit VR little endian.
func StorageContext(class string) Context { return Context{class, nativeSyntaxes} }

// VerificationContext proposes C-ECHO.
func VerificationContext() Context {
	return Context{dicom.Verification, []string{dicom.ImplicitLittleEndian, dicom.ExplicitLittleEndian}}
}

// accepted is a presentation context that the peer accepted.
type accepted struct {
	id            byte
	class, syntax string
}

// Association is one that this program opened. It does one thing at a time: it is not safe for concurrent use. After an
// error other than a [*StatusError], [ErrNoContext] or [ErrData] it is closed.
type Association struct {
	wire     *wire
	contexts []accepted
	last     uint16 // message ID
	closed   error
}

// Dial opens a connection and an association on it. Presentation contexts that the peer does not accept are no error.
func Dial(ctx context.Context, peer Peer, contexts ...Context) (*Association, error) {
	if peer.Timeout <= 0 {
		peer.Timeout = defaultTimeout
	}
	if peer.MaxPDU == 0 {
		peer.MaxPDU = defaultPDU
	}
	if err := peer.check(contexts); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: peer.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", peer.Addr)
	if err != nil {
		return nil, fmt.Errorf("dimse: %w", err)
	}
	conn = quickly(conn)
	if peer.TLS != nil {
		config := peer.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(peer.Addr)
		}
		secure := tls.Client(conn, config)
		hurry, cancel := context.WithTimeout(ctx, peer.Timeout)
		err := secure.HandshakeContext(hurry)
		cancel()
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("dimse: TLS with %s: %w", peer.Addr, err)
		}
		conn = secure
	}
	t := newTimed(conn, peer.Timeout, pace{idle: peer.Timeout, message: peer.Timeout, write: peer.Timeout})
	a := &Association{wire: newWire(t, peer.MaxPDU)}
	if err := a.do(ctx, func() error { return a.associate(peer, contexts) }); err != nil {
		return nil, err
	}
	return a, nil
}

// check refuses what cannot be proposed.
func (p Peer) check(contexts []Context) error {
	for _, title := range []string{p.CalledAE, p.CallingAE} {
		if title == "" || len(title) > titleSize || printable(title) != title {
			return fmt.Errorf("%w: %q is no AE title, 1 to %d printable characters of ASCII without a backslash would be right",
				ErrRequest, title, titleSize)
		}
	}
	if len(contexts) == 0 || len(contexts) > maxPresentations {
		return fmt.Errorf("%w: %d presentation contexts, 1 to %d can be proposed", ErrRequest, len(contexts), maxPresentations)
	}
	return nil
}

func (a *Association) associate(peer Peer, contexts []Context) error {
	request := associate{
		called: peer.CalledAE, calling: peer.CallingAE, application: dicom.ApplicationContext, maxLength: peer.MaxPDU,
		class: dicom.ImplementationUID, release: dicom.ImplementationName,
	}
	for i, c := range contexts {
		p := presentation{id: byte(2*i + 1), abstract: c.Class, syntaxes: c.Syntaxes}
		request.presentations = append(request.presentations, p)
	}
	if err := a.wire.sendBytes(request.append(nil, pduAssociateRQ)); err != nil {
		return err
	}
	a.wire.conn.work()
	p, err := readPDU(a.wire.in)
	if err != nil {
		return noEOF(err)
	}
	switch p.kind {
	case pduAssociateAC:
		answer, err := p.associate(a.wire.in)
		if err != nil {
			return err
		}
		a.accept(contexts, answer.presentations)
		return a.wire.limit(answer.maxLength, peer.MaxPDU)
	case pduAssociateRJ:
		body, err := p.short(a.wire.in)
		if err != nil {
			return err
		}
		return &RejectedError{Result: body[1], Source: body[2], Reason: body[3]}
	case pduAbort:
		return a.wire.data(p)
	}
	return unexpected(p.kind)
}

// accept takes over what was proposed and accepted.
func (a *Association) accept(contexts []Context, answers []presentation) {
	for _, p := range answers {
		i := int(p.id) / 2
		if p.result != contextAccepted || i >= len(contexts) || len(p.syntaxes) != 1 {
			continue
		}
		for _, s := range contexts[i].Syntaxes {
			if s == p.syntaxes[0] {
				a.contexts = append(a.contexts, accepted{p.id, contexts[i].Class, s})
				break
			}
		}
	}
}

// do does one thing with the connection, which ends early with the context. An error closes the association.
func (a *Association) do(ctx context.Context, work func() error) error {
	if a.closed != nil {
		return a.closed
	}
	t := a.wire.conn
	if err := ctx.Err(); err != nil {
		return a.fail(context.Cause(ctx))
	}
	release := context.AfterFunc(ctx, func() { t.stop(context.Cause(ctx)) })
	err := work()
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return a.fail(err)
	}
	return nil
}

// farewell is how long is spent on a connection that is given up.
const farewell = 500 * time.Millisecond

// fail aborts the association, unless the peer has ended it.
func (a *Association) fail(err error) error {
	a.closed = ErrClosed
	switch e := err.(type) {
	case *AbortError, *RejectedError:
		a.wire.conn.Close()
	case *violationError:
		a.wire.conn.part(appendPDU(nil, pduAbort, []byte{0, 0, 2, e.reason}), farewell)
	default:
		a.wire.conn.part(appendPDU(nil, pduAbort, []byte{0, 0, 0, 0}), farewell)
		if err == io.ErrUnexpectedEOF {
			return fmt.Errorf("dimse: the peer closed the connection before it answered: %w", err)
		}
		err = fmt.Errorf("dimse: %w", err)
	}
	return err
}

// Echo verifies that the peer answers (C-ECHO). It needs the [VerificationContext].
func (a *Association) Echo(ctx context.Context) error {
	for _, c := range a.contexts {
		if c.class == dicom.Verification {
			status, err := a.exchange(ctx, c, command{field: commandEcho, class: c.class}, nil)
			if err == nil && status != Success {
				err = &StatusError{status}
			}
			return err
		}
	}
	return a.missing()
}

func (a *Association) missing() error {
	if a.closed != nil {
		return a.closed
	}
	return ErrNoContext
}

// Store sends an uncompressed object (C-STORE) in the transfer syntax that the peer accepted for its SOP class. The status
// is the peer's: with success, a warning, or [DuplicateInstance] there is no error; others are a [*StatusError].
func (a *Association) Store(ctx context.Context, d *dicom.Dataset, class, instance string) (Status, error) {
	return a.store(ctx, &dicom.File{Syntax: dicom.ExplicitLittleEndian, Dataset: d}, class, instance)
}

// StoreFile is Store for a file. One with compressed pixels is sent in its own transfer syntax, which the peer must have
// accepted.
func (a *Association) StoreFile(ctx context.Context, f *dicom.File) (Status, error) {
	return a.store(ctx, f, f.Dataset.String(dicom.SOPClassUID), f.Dataset.String(dicom.SOPInstanceUID))
}

func (a *Association) store(ctx context.Context, f *dicom.File, class, instance string) (Status, error) {
	if class == "" || !dicom.ValidUID(instance) {
		return 0, fmt.Errorf("%w: it needs a SOP class and a valid SOP instance UID", ErrData)
	}
	compressed := dicom.Encapsulated(f.Syntax)
	if e := f.Dataset.Get(dicom.PixelData); e != nil && !compressed && e.Fragments != nil {
		return 0, fmt.Errorf("%w: its pixels are compressed, and its transfer syntax is not", ErrData)
	}
	for _, c := range a.contexts {
		if c.class != class || compressed && c.syntax != f.Syntax || !compressed && dicom.Encapsulated(c.syntax) {
			continue
		}
		data, err := f.Dataset.Encode(c.syntax)
		if err != nil {
			return 0, fmt.Errorf("%w: %v", ErrData, err)
		}
		if len(data) == 0 {
			return 0, fmt.Errorf("%w: it is empty", ErrData)
		}
		status, err := a.exchange(ctx, c, command{field: commandStore, class: class, instance: instance, data: true}, data)
		if err == nil && !status.Stored() {
			err = &StatusError{status}
		}
		return status, err
	}
	return 0, a.missing()
}

// exchange sends a request and waits for its response.
func (a *Association) exchange(ctx context.Context, c accepted, request command, data []byte) (Status, error) {
	var status Status
	err := a.do(ctx, func() error {
		a.last++
		request.id = a.last
		if err := a.wire.send(c.id, request, data); err != nil {
			return err
		}
		a.wire.conn.work()
		id, answer, err := a.wire.message(a.known, func(byte, command) sink { return new(discard) })
		switch {
		case err == errRelease:
			return violation(reasonUnexpectedPDU, "a release where a response was expected")
		case err != nil:
			return noEOF(err)
		case id != c.id || answer.field != request.field|response || answer.id != request.id:
			return violation(reasonNotSpecified, "the response is to another request")
		}
		status = answer.status
		return nil
	})
	return status, err
}

func (a *Association) known(id byte) bool {
	for _, c := range a.contexts {
		if c.id == id {
			return true
		}
	}
	return false
}

// Release ends the association in order and closes the connection.
func (a *Association) Release(ctx context.Context) error {
	err := a.do(ctx, func() error {
		if err := a.wire.sendPDU(pduReleaseRQ, 0, 0, 0, 0); err != nil {
			return err
		}
		a.wire.conn.work()
		for {
			p, err := readPDU(a.wire.in)
			if err != nil {
				return noEOF(err)
			}
			switch p.kind {
			case pduReleaseRP:
				_, err = p.short(a.wire.in)
				return err
			case pduReleaseRQ: // both at once (PS3.8, 7.2.2)
				if _, err := p.short(a.wire.in); err != nil {
					return err
				}
				if err := a.wire.sendPDU(pduReleaseRP, 0, 0, 0, 0); err != nil {
					return err
				}
			case pduAbort:
				return a.wire.data(p)
			default:
				return unexpected(p.kind)
			}
		}
	})
	if err == nil {
		a.closed = ErrClosed
		a.wire.conn.Close()
	}
	return err
}

// Abort ends the association at once. It does nothing to one that is closed.
func (a *Association) Abort() {
	if a.closed == nil {
		a.fail(ErrClosed)
	}
}
