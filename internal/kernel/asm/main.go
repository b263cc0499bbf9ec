// Command asm writes the assembly of package kernel with avo: one part, named by -part, at a time. It is a module of
// its own so that the server does not depend on avo.
package main

import (
	"flag"
	"log"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// parts are the assembly files; each is one idea for one tier.
var parts = map[string]func(){
	"int8_gather":            int8Gather,
	"int8_avx512vnni":        int8VNNI,
	"int8_narrow_avx512vnni": int8NarrowVNNI,
	"neuron_avx512":          neuronAVX512,
	"bytes_avx512":           bytesAVX512,
}

func main() {
	part := flag.String("part", "", "what to write")
	flag.Parse()
	write, ok := parts[*part]
	if !ok {
		log.Fatalf("no part %q", *part)
	}
	build.ConstraintExpr("amd64,!purego")
	write()
	build.Generate()
}

// vpdpbusd adds to each 32-bit lane of sum the four products of unsigned bytes of a and signed bytes of w. avo does
// not know the instruction; Go's assembler does.
func vpdpbusd(w operand.Op, a, sum reg.Register) {
	build.Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		Operands: []operand.Op{w, a, sum},
		Inputs:   []operand.Op{w, a, sum},
		Outputs:  []operand.Op{sum},
	})
}
