package dimse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// errRelease says that the peer has sent an A-RELEASE-RQ.
var errRelease = errors.New("dimse: the peer releases the association")

// wire sends and receives PDUs and the messages in them.
type wire struct {
	conn *timed
	in   *bufio.Reader
	out  *bufio.Writer
	// mostIn is the longest P-DATA-TF that is read. mostOut is the longest that is sent.
	mostIn, mostOut uint32
	left            uint32 // bytes of a P-DATA-TF that have not been read
}

// buffered is the size of a connection's two buffers. Fragments of data sets pass them by.
const buffered = 4 << 10

func newWire(conn *timed, maxPDU uint32) *wire {
	// Some count a PDU's header to its length, others do not.
	in, out := bufio.NewReaderSize(conn, buffered), bufio.NewWriterSize(conn, buffered)
	return &wire{conn: conn, in: in, out: out, mostIn: maxPDU + pduHeader}
}

// limit sets the longest P-DATA-TF to be sent, as the peer asks for; 0 is any.
func (w *wire) limit(peers, ours uint32) error {
	w.mostOut = min(peers, ours)
	switch {
	case peers == 0:
		w.mostOut = unboundedPDU
	case peers < minPDU:
		return violation(reasonInvalidValue, "P-DATA-TFs of at most %d bytes are asked for, less than %d is not sent",
			peers, minPDU)
	}
	return nil
}

// send writes a message. Fragments have even lengths (PS3.8, E.1).
func (w *wire) send(context byte, c command, data []byte) error {
	set, err := c.encode()
	if err != nil {
		return err
	}
	if err := w.fragments(pdv{context: context, command: true}, set); err != nil {
		return err
	}
	if c.data {
		if err := w.fragments(pdv{context: context}, data); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

func (w *wire) fragments(p pdv, data []byte) error {
	most := int(w.mostOut-pdvHeader) &^ 1
	for !p.last {
		part := data[:min(len(data), most)]
		data = data[len(part):]
		p.size, p.last = int64(len(part)), len(data) == 0
		var head [pduHeader + pdvHeader]byte
		h := append(head[:0], pduData, 0)
		h = binary.BigEndian.AppendUint32(h, uint32(pdvHeader+len(part)))
		if _, err := w.out.Write(p.append(h)); err != nil {
			return err
		}
		if _, err := w.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// sendPDU writes one PDU at once.
func (w *wire) sendPDU(kind byte, body ...byte) error {
	return w.sendBytes(appendPDU(nil, kind, body))
}

func (w *wire) sendBytes(b []byte) error {
	if _, err := w.out.Write(b); err != nil {
		return err
	}
	return w.out.Flush()
}

// fragment reads up to the next PDV's fragment, which is to be read with take. An A-RELEASE-RQ is errRelease, an A-ABORT is
// an [*AbortError].
func (w *wire) fragment() (pdv, error) {
	if w.left == 0 {
		p, err := readPDU(w.in)
		if err != nil {
			return pdv{}, err
		}
		if err := w.data(p); err != nil {
			return pdv{}, err
		}
	}
	if w.left < pdvHeader {
		return pdv{}, violation(reasonInvalidValue, "a P-DATA-TF ends within a PDV's header")
	}
	var head [pdvHeader]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return pdv{}, noEOF(err)
	}
	p, err := parsePDV(head, w.left)
	w.left -= pdvHeader
	return p, err
}

// data begins a P-DATA-TF. Other PDUs are errors.
func (w *wire) data(p pdu) error {
	switch p.kind {
	case pduData:
		if p.length < pdvHeader || p.length > w.mostIn {
			return violation(reasonInvalidValue, "a P-DATA-TF has a length of %d, %d to %d would be right",
				p.length, pdvHeader, w.mostIn)
		}
		w.left = p.length
		return nil
	case pduReleaseRQ:
		if _, err := p.short(w.in); err != nil {
			return err
		}
		return errRelease
	case pduAbort:
		body, err := p.short(w.in)
		if err != nil {
			return err
		}
		return &AbortError{Source: body[2], Reason: body[3]}
	}
	return unexpected(p.kind)
}

func (w *wire) take(p pdv, to sink) error {
	if err := to.take(w.in, p.size); err != nil {
		return err
	}
	w.left -= uint32(p.size)
	w.conn.earn(p.size)
	return nil
}

// await waits for a message's first byte, for as long as an association may be idle.
func (w *wire) await() error {
	if err := w.conn.rest(); err != nil {
		return err
	}
	if w.left == 0 {
		if _, err := w.in.Peek(1); err != nil {
			return err
		}
	}
	w.conn.work()
	return nil
}

// message reads one message. known tells presentation contexts that were accepted. open is asked, when the command is there
// and a data set follows, where that is to go.
func (w *wire) message(
	known func(context byte) bool, open func(context byte, c command) sink,
) (context byte, c command, err error) {
	var set commandSet
	for begun, last := false, false; !last; begun = true {
		p, err := w.next(begun, context, true)
		if err != nil {
			return 0, c, err
		}
		if !known(p.context) {
			return 0, c, violation(reasonInvalidValue, "a message in presentation context %d, which was not accepted", p.context)
		}
		context, last = p.context, p.last
		if err := w.take(p, &set); err != nil {
			return 0, c, err
		}
	}
	if c, err = parseCommand(set); err != nil || !c.data {
		return context, c, err
	}
	to := open(context, c)
	for last := false; !last; {
		p, err := w.next(true, context, false)
		if err != nil {
			return 0, c, err
		}
		if err := w.take(p, to); err != nil {
			return 0, c, err
		}
		last = p.last
	}
	return context, c, nil
}

// next is the next fragment of a message, of its command or of its data set.
func (w *wire) next(begun bool, context byte, command bool) (pdv, error) {
	p, err := w.fragment()
	switch {
	case err == errRelease && begun:
		return p, violation(reasonUnexpectedPDU, "a release within a message")
	case err == io.EOF && begun:
		return p, io.ErrUnexpectedEOF
	case err != nil:
		return p, err
	case begun && p.context != context:
		return p, violation(reasonInvalidValue, "presentation context %d within a message in context %d", p.context, context)
	case p.command != command && command:
		return p, violation(reasonUnexpectedItem, "a data set where a command was expected")
	case p.command != command:
		return p, violation(reasonUnexpectedItem, "a command where a data set was expected")
	}
	return p, nil
}

// commandSet is a sink for a command's fragments.
type commandSet []byte

func (s *commandSet) take(from io.Reader, n int64) error {
	have := len(*s)
	if n > maxCommand-int64(have) {
		return violation(reasonInvalidValue, "a command set of more than %d bytes", maxCommand)
	}
	*s = append(*s, make([]byte, n)...)
	_, err := io.ReadFull(from, (*s)[have:])
	return noEOF(err)
}
