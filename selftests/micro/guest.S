/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The micro guest: real mode, no interrupts, COM1 alone (data sheet of PC16550D). It looks at
 * its UART when its hypervisor wakes it from HLT, and does what words.h says. At MICRO_START.
 */
#include "words.h"
#include "micro.h"

#define COM1	0x3f8
#define IER	(COM1 + 1)
#define FCR	(COM1 + 2)
#define LCR	(COM1 + 3)
#define MCR	(COM1 + 4)
#define LSR	(COM1 + 5)

#define LSR_DR		0x01
#define LSR_THRE	0x20
#define ABSENT		0xff	/* what an unplugged device reads as */

#define AT(label)	(label - micro_guest + MICRO_START)

	.section .rodata
	.globl	micro_guest, micro_guest_end
micro_guest:
	.code16
	cld
0:	movw	$LSR, %dx
	inb	%dx, %al
	cmpb	$ABSENT, %al
	jne	1f
	hlt
	jmp	0b
1:	movw	$LCR, %dx
	movb	$0x03, %al		/* 8 bits */
	outb	%al, %dx
	movw	$IER, %dx
	xorb	%al, %al
	outb	%al, %dx
	movw	$FCR, %dx
	movb	$0x01, %al		/* FIFOs */
	outb	%al, %dx
	movw	$MCR, %dx
	movb	$0x03, %al		/* DTR, RTS */
	outb	%al, %dx

next:	call	listen
	cmpb	$0, MICRO_TYPED
	jne	2f
	movw	$AT(hi), %si
	call	say
	movw	$MICRO_NUMBER, %si
	call	say
	call	end_line
	jmp	sleep
2:	movw	MICRO_COUNT, %bx
	cmpw	MICRO_LINES, %bx
	jae	sleep
	movw	$AT(out), %si
	call	say
	movw	$4, %cx
3:	rolw	$4, %bx
	movw	%bx, %di
	andw	$15, %di
	movb	AT(digits)(%di), %al
	call	put
	loop	3b
	movb	$' ', %al
	call	put
	xorw	%dx, %dx
	movw	%bx, %ax
	movw	$WORDS_RANGE, %cx
	divw	%cx			/* rest: %dx */
	movw	%dx, %bx
	movw	$WORDS_BYTES, %cx
4:	movb	%bl, %al
	addb	$WORDS_FIRST, %al
	call	put
	incw	%bx
	cmpw	$WORDS_RANGE, %bx
	jb	5f
	xorw	%bx, %bx
5:	loop	4b
	call	end_line
	incw	MICRO_COUNT
sleep:	hlt
	jmp	next

/* All that has been typed. */
listen:	movw	$LSR, %dx
	inb	%dx, %al
	cmpb	$ABSENT, %al
	je	8f
	testb	$LSR_DR, %al
	jz	8f
	movw	$COM1, %dx
	inb	%dx, %al
	movw	MICRO_LENGTH, %di
	cmpb	$'\n', %al
	je	6f
	cmpw	$WORDS_LINE_MAX, %di
	jae	listen
	movb	%al, MICRO_LINE(%di)
	incw	MICRO_LENGTH
	jmp	listen
6:	movb	$1, MICRO_TYPED
	movw	$AT(echo), %si
	call	say
	movw	$MICRO_LINE, %si
	movw	MICRO_LENGTH, %cx
	jcxz	9f
7:	lodsb
	call	put
	loop	7b
9:	movw	$0, MICRO_LENGTH
	call	end_line
	jmp	listen
8:	ret

end_line:
	movw	$AT(crlf), %si
/* The text at %si. */
say:	lodsb
	testb	%al, %al
	jz	8b
	call	put
	jmp	say

/* %al; %dx is another one behind it. While there is no room it sleeps. */
put:	pushw	%ax
	movw	$LSR, %dx
10:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jnz	11f
	hlt
	jmp	10b
11:	popw	%ax
	movw	$COM1, %dx
	outb	%al, %dx
	ret

hi:	.asciz	"hi "
echo:	.asciz	"e "
out:	.asciz	"o "
crlf:	.asciz	"\r\n"
digits:	.ascii	"0123456789abcdef"
micro_guest_end:
	.section .note.GNU-stack, "", @progbits
