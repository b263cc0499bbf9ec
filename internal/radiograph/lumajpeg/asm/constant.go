package main

import (
	"encoding/binary"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// known are the vectors already in the file, by name.
var known = map[string]Mem{}

// lanes is a vector with v in every lane of 32 bits.
func lanes(v uint32) Mem {
	var b [16]byte
	for i := 0; i < len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], v)
	}
	return bytesOf(fmt.Sprintf("lanes%08x", v), b)
}

// bytesOf is a vector in the file with b in each 16 bytes, for the widest function.
func bytesOf(name string, b [16]byte) Mem {
	m, ok := known[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := 0; i < 64; i += 8 {
			DATA(i, U64(binary.LittleEndian.Uint64(b[i%16:])))
		}
		known[name] = m
	}
	return m
}
