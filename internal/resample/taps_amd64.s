//go:build !purego

#include "textflag.h"

// Half of 1/2^22, what a sum is rounded by.
DATA half22<>+0(SB)/4, $0x00200000
GLOBL half22<>(SB), RODATA|NOPTR, $4

// One output's taps: the sum of 8 x blocks products into acc, lane by lane.
#define TAPS(OFFSET, ACC, LOOP) \
	MOVLQSX OFFSET(R8), AX; \
	ADDQ    SI, AX; \
	VPXOR   ACC, ACC, ACC; \
	MOVQ    R10, CX; \
LOOP: \
	VPMOVZXBD (AX), Y4; \
	VPMULLD   (R9), Y4, Y4; \
	VPADDD    Y4, ACC, ACC; \
	ADDQ      $8, AX; \
	ADDQ      $32, R9; \
	DECQ      CX; \
	JNZ       LOOP

// Four sums of eight lanes each, in Y0 to Y3, to four pixels.
#define FOURPIXELS \
	VPHADDD      Y1, Y0, Y0; \
	VPHADDD      Y3, Y2, Y2; \
	VPHADDD      Y2, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1; \
	VPADDD       X1, X0, X0; \
	VPADDD       X15, X0, X0; \
	VPSRLD       $22, X0, X0; \
	VPACKUSDW    X0, X0, X0; \
	VPACKUSWB    X0, X0, X0; \
	VMOVD        X0, (DI)

// func tapsAVX2(dst, src *uint8, first, weight *int32, blocks, groups int)
TEXT ·tapsAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ first+16(FP), R8
	MOVQ weight+24(FP), R9
	MOVQ blocks+32(FP), R10
	MOVQ groups+40(FP), R11
	VPBROADCASTD half22<>(SB), X15

group:
	TAPS(0, Y0, taps0)
	TAPS(4, Y1, taps1)
	TAPS(8, Y2, taps2)
	TAPS(12, Y3, taps3)

	FOURPIXELS
	ADDQ         $4, DI
	ADDQ         $16, R8
	DECQ         R11
	JNZ          group
	VZEROUPPER
	RET

// func addAVX2(sums *uint64, row *uint8, weight uint64, groups int)
TEXT ·addAVX2(SB), NOSPLIT, $0-32
	MOVQ         sums+0(FP), DI
	MOVQ         row+8(FP), SI
	VPBROADCASTQ weight+16(FP), Y15
	MOVQ         groups+24(FP), CX

eight:
	VPMOVZXBQ (SI), Y0
	VPMOVZXBQ 4(SI), Y1

	// The pixel in both halves.
	VPSHUFD $0xa0, Y0, Y0
	VPSHUFD $0xa0, Y1, Y1
	VPMULLD Y15, Y0, Y0
	VPMULLD Y15, Y1, Y1
	VPADDD  (DI), Y0, Y0
	VPADDD  32(DI), Y1, Y1
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ    $8, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     eight
	VZEROUPPER
	RET

// func takeAVX2(dst *uint8, sums *uint64, groups int)
TEXT ·takeAVX2(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         sums+8(FP), SI
	MOVQ         groups+16(FP), CX
	VPBROADCASTD half22<>(SB), Y15

eight:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSRLQ  $32, Y0, Y2
	VPSRLQ  $32, Y1, Y3
	VMOVDQU Y2, (SI)
	VMOVDQU Y3, 32(SI)

	// The low halves, in order.
	VSHUFPS      $0x88, Y1, Y0, Y0
	VPERMQ       $0xd8, Y0, Y0
	VPADDD       Y15, Y0, Y0
	VPSRLD       $22, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPACKUSDW    X1, X0, X0
	VPACKUSWB    X0, X0, X0
	VMOVQ        X0, (DI)
	ADDQ         $64, SI
	ADDQ         $8, DI
	DECQ         CX
	JNZ          eight
	VZEROUPPER
	RET

// func wideVBMI(dst, src *uint8, first *int32, table *uint8, blocks, groups int)
TEXT ·wideVBMI(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         first+16(FP), R8
	MOVQ         table+24(FP), R9
	MOVQ         blocks+32(FP), R10
	MOVQ         groups+40(FP), R11
	VPBROADCASTD half22<>(SB), Z15

sixteen:
	MOVLQSX   (R8), AX
	VMOVDQU64 (SI)(AX*1), Z0
	VPXORD    Z1, Z1, Z1
	VPXORD    Z2, Z2, Z2
	VPXORD    Z3, Z3, Z3
	MOVQ      R10, CX

four:
	VMOVDQU64 (R9), Z4
	VPERMB    Z0, Z4, Z4
	VPDPBUSD  64(R9), Z4, Z1
	VPDPBUSD  128(R9), Z4, Z2
	VPDPBUSD  192(R9), Z4, Z3
	ADDQ      $256, R9
	DECQ      CX
	JNZ       four

	// The digits of base 256 together.
	VPSLLD    $8, Z2, Z2
	VPSLLD    $16, Z3, Z3
	VPADDD    Z2, Z1, Z1
	VPADDD    Z3, Z15, Z3
	VPADDD    Z3, Z1, Z1
	VPSRLD    $22, Z1, Z1
	VPMOVUSDB Z1, (DI)
	ADDQ      $4, R8
	ADDQ      $16, DI
	DECQ      R11
	JNZ       sixteen
	VZEROUPPER
	RET

// Two windows beside each other in TO.
#define BOTH(LEFT, RIGHT, HALF, TO) \
	VMOVDQU      (LEFT), HALF; \
	VINSERTI64X4 $1, (RIGHT), TO, TO

// The digits of base 256 together, into LOW.
#define TOGETHER(LOW, MIDDLE, HIGH) \
	VPSLLD $8, MIDDLE, MIDDLE; \
	VPSLLD $16, HIGH, HIGH; \
	VPADDD MIDDLE, LOW, LOW; \
	VPADDD HIGH, LOW, LOW

// func digitsVNNI(dst, src *uint8, first *int32, table *uint8, pieces, groups int)
TEXT ·digitsVNNI(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         first+16(FP), R8
	MOVQ         table+24(FP), R9
	MOVQ         pieces+32(FP), R10
	MOVQ         groups+40(FP), R11
	LEAQ         (R10)(R10*2), R13
	SHLQ         $6, R13            // bytes of a pair's tables
	VPBROADCASTD half22<>(SB), X15

group:
	MOVLQSX (R8), AX
	MOVLQSX 4(R8), BX
	MOVLQSX 8(R8), DX
	MOVLQSX 12(R8), R12
	ADDQ    SI, AX
	ADDQ    SI, BX
	ADDQ    SI, DX
	ADDQ    SI, R12
	VPXORD  Z0, Z0, Z0
	VPXORD  Z4, Z4, Z4
	VPXORD  Z5, Z5, Z5
	VPXORD  Z2, Z2, Z2
	VPXORD  Z6, Z6, Z6
	VPXORD  Z7, Z7, Z7
	LEAQ    (R9)(R13*1), R14
	MOVQ    R10, CX

piece:
	BOTH(AX, BX, Y8, Z8)
	VPDPBUSD (R9), Z8, Z0
	VPDPBUSD 64(R9), Z8, Z4
	VPDPBUSD 128(R9), Z8, Z5
	BOTH(DX, R12, Y9, Z9)
	VPDPBUSD (R14), Z9, Z2
	VPDPBUSD 64(R14), Z9, Z6
	VPDPBUSD 128(R14), Z9, Z7
	ADDQ     $32, AX
	ADDQ     $32, BX
	ADDQ     $32, DX
	ADDQ     $32, R12
	ADDQ     $192, R9
	ADDQ     $192, R14
	DECQ     CX
	JNZ      piece

	TOGETHER(Z0, Z4, Z5)
	TOGETHER(Z2, Z6, Z7)
	VEXTRACTI64X4 $1, Z0, Y1
	VEXTRACTI64X4 $1, Z2, Y3
	FOURPIXELS
	MOVQ         R14, R9
	ADDQ         $4, DI
	ADDQ         $16, R8
	DECQ         R11
	JNZ          group
	VZEROUPPER
	RET
