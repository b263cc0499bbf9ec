package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither avo nor Go's assembler knows AMX, so its instructions are written as their bytes (Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, "VEX prefix" and the entries of the instructions).

// Prefixes as VEX has them, and the opcodes in the map 0F38.
const (
	vexNone, vex66, vexF3, vexF2 = 0, 1, 2, 3

	opConfig  = 0x49 // LDTILECFG, TILERELEASE and TILEZERO
	opMove    = 0x4b // TILELOADD and TILESTORED
	opProduct = 0x5e // TDPBUSD
)

// numbers of the registers that may be in an address.
var numbers = map[reg.GPPhysical]int{
	reg.RAX: 0, reg.RCX: 1, reg.RDX: 2, reg.RBX: 3, reg.RSI: 6, reg.RDI: 7,
	reg.R8: 8, reg.R9: 9, reg.R10: 10, reg.R11: 11, reg.R12: 12, reg.R13: 13, reg.R14: 14, reg.R15: 15,
}

// vex writes an instruction: base and index are the numbers of registers in its address, other is its operand that has no place elsewhere.
func vex(name string, prefix, base, index, other int, opcode byte, rest ...byte) {
	Comment(name)
	isa := "AMXTILE"
	if opcode == opProduct {
		isa = "AMXINT8"
	}
	code := []byte{0xc4, byte(0xe2 ^ index>>3<<6 ^ base>>3<<5), byte((other^15)<<3 | prefix), opcode}
	for _, b := range append(code, rest...) {
		Instruction(&ir.Instruction{Opcode: "BYTE", ISA: []string{isa}, Operands: []Op{U8(b)}})
	}
}

// address is the ModRM byte, the SIB byte and the displacement of tile t at base + index*1 + disp.
func address(t int, base, index reg.GPPhysical, disp int) []byte {
	b := []byte{0x84 | byte(t<<3), byte(numbers[index]&7<<3 | numbers[base]&7)}
	for range 4 {
		b = append(b, byte(disp))
		disp >>= 8
	}
	return b
}

// loadConfig configures the tiles as the 64 bytes at a register say.
func loadConfig(base reg.GPPhysical) {
	vex(fmt.Sprintf("LDTILECFG (%s)", base.Asm()), vexNone, numbers[base], 0, 0, opConfig, byte(numbers[base]&7))
}

func releaseTiles() { vex("TILERELEASE", vexNone, 0, 0, 0, opConfig, 0xc0) }

func zeroTile(t int) {
	vex(fmt.Sprintf("TILEZERO TMM%d", t), vexF2, 0, 0, 0, opConfig, byte(0xc0|t<<3))
}

// loadTile loads rows that are stride bytes apart.
func loadTile(t int, base, stride reg.GPPhysical, disp int) {
	vex(fmt.Sprintf("TILELOADD %d(%s)(%s*1), TMM%d", disp, base.Asm(), stride.Asm(), t), vexF2, numbers[base], numbers[stride], 0, opMove,
		address(t, base, stride, disp)...)
}

func storeTile(t int, base, stride reg.GPPhysical, disp int) {
	vex(fmt.Sprintf("TILESTORED TMM%d, %d(%s)(%s*1)", t, disp, base.Asm(), stride.Asm()), vexF3, numbers[base], numbers[stride], 0, opMove,
		address(t, base, stride, disp)...)
}

// productTile adds to sum the products of the unsigned bytes of inputs and the signed bytes of weights.
func productTile(weights, inputs, sum int) {
	vex(fmt.Sprintf("TDPBUSD TMM%d, TMM%d, TMM%d", weights, inputs, sum), vex66, 0, 0, weights, opProduct, byte(0xc0|sum<<3|inputs))
}
