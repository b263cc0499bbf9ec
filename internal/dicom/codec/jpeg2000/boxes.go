package jpeg2000

import "bytes"

// box is a box of a JP2 file, I.4.
type box struct {
	kind    string
	content []byte
}

// nextBox takes a box off the beginning of data. The last one may say that it reaches to the end, and a codestream says
// better itself where it ends.
func nextBox(data []byte) (b box, rest []byte, err error) {
	if len(data) < 8 {
		return box{}, nil, damaged("a JP2 file ends within a box")
	}
	head, length := 8, be32(data)
	b.kind = string(data[4:8])
	if length == 1 && len(data) >= 16 {
		head, length = 16, be32(data[8:])<<32|be32(data[12:])
	}
	if length == 0 || b.kind == "jp2c" && length > int64(len(data)) {
		length = int64(len(data))
	}
	if length < int64(head) || length > int64(len(data)) {
		return box{}, nil, damaged("box %q of a JP2 file has a length of %d", b.kind, length)
	}
	b.content = data[head:length]
	return b, data[length:], nil
}

// codestream finds the codestream in a JP2 file, annex I, or is data if it is one.
func codestream(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("\x00\x00\x00\x0CjP  \r\n\x87\n")) {
		return data, nil
	}
	for rest := data; len(rest) > 0; {
		b, after, err := nextBox(rest)
		if err != nil {
			return nil, err
		}
		switch b.kind {
		case "jp2c":
			return b.content, nil
		case "jp2h":
			if err := checkBoxes(b.content); err != nil {
				return nil, err
			}
		}
		rest = after
	}
	return nil, damaged("a JP2 file without a codestream")
}

// checkBoxes tells whether the header box of a JP2 file leaves the codestream's samples as they are.
func checkBoxes(header []byte) error {
	for rest := header; len(rest) > 0; {
		b, after, err := nextBox(rest)
		if err != nil {
			return err
		}
		if b.kind == "pclr" {
			return unsupported("a JP2 file with a palette")
		}
		rest = after
	}
	return nil
}
