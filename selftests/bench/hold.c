// SPDX-License-Identifier: GPL-2.0
/*
 * In a user VM: holds a secret in registers, for SECONDS, and looks whether it stays there. Behind
 * some rounds are exits whose answer is in registers as well. Usage:
 *
 *   bench_hold HALF1 HALF2 SECONDS		halves: 8 hexadecimal digits each
 *
 * Says in the end "@held ROUNDS WRONG".
 */
#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SPIN	2000000

/* Return: does each register still have it, behind a while in which exits may come? */
static int held(uint64_t secret)
{
	uint64_t spin = SPIN, wrong;

	asm volatile("mov %[secret], %%rbx\n\t"
		     "movq %%rbx, %%xmm0\n\t"
		     "movq %%rbx, %%xmm15\n\t"
		     "mov %%rbx, %%rdx\n\t"
		     "mov %%rbx, %%rsi\n\t"
		     "mov %%rbx, %%rdi\n\t"
		     "mov %%rbx, %%r8\n\t"
		     "mov %%rbx, %%r9\n\t"
		     "mov %%rbx, %%r10\n\t"
		     "mov %%rbx, %%r11\n\t"
		     "mov %%rbx, %%r12\n\t"
		     "mov %%rbx, %%r13\n\t"
		     "mov %%rbx, %%r14\n\t"
		     "mov %%rbx, %%r15\n\t"
		     "1: dec %[spin]\n\t"
		     "jnz 1b\n\t"
		     "xor %%rbx, %%rdx\n\t"
		     "movq %%xmm0, %%rax\n\t"
		     "xor %%rbx, %%rax\n\t"
		     "or %%rax, %%rdx\n\t"
		     "movq %%xmm15, %%rax\n\t"
		     "xor %%rbx, %%rax\n\t"
		     "or %%rax, %%rdx\n\t"
		     "xor %%rbx, %%rsi\n\t"
		     "xor %%rbx, %%rdi\n\t"
		     "xor %%rbx, %%r8\n\t"
		     "xor %%rbx, %%r9\n\t"
		     "xor %%rbx, %%r10\n\t"
		     "xor %%rbx, %%r11\n\t"
		     "xor %%rbx, %%r12\n\t"
		     "xor %%rbx, %%r13\n\t"
		     "xor %%rbx, %%r14\n\t"
		     "xor %%rbx, %%r15\n\t"
		     "or %%rsi, %%rdx\n\t"
		     "or %%rdi, %%rdx\n\t"
		     "or %%r8, %%rdx\n\t"
		     "or %%r9, %%rdx\n\t"
		     "or %%r10, %%rdx\n\t"
		     "or %%r11, %%rdx\n\t"
		     "or %%r12, %%rdx\n\t"
		     "or %%r13, %%rdx\n\t"
		     "or %%r14, %%rdx\n\t"
		     "or %%r15, %%rdx\n\t"
		     "mov %%rdx, %[wrong]"
		     : [spin] "+c" (spin), [wrong] "=a" (wrong)
		     : [secret] "m" (secret)
		     : "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "xmm0", "xmm15", "cc");
	return !wrong;
}

/* The guest hypervisor's answer, the same each time. */
static uint64_t asked(void)
{
	uint32_t a = 0, b = 0, c = 0, d = 0;

	__get_cpuid(0, &a, &b, &c, &d);
	return a + b * 3ull + c * 5ull + d * 7ull;
}

int main(int argc, char **argv)
{
	uint64_t secret, rounds = 0, wrong = 0, answer = asked();
	time_t end;

	if (argc != 4) {
		fprintf(stderr, "usage: bench_hold HALF1 HALF2 SECONDS\n");
		return 2;
	}
	secret = strtoull(argv[1], NULL, 16) << 32 | strtoull(argv[2], NULL, 16);
	end = time(NULL) + atoi(argv[3]);
	while (time(NULL) < end) {
		wrong += !held(secret) || asked() != answer;
		rounds++;
	}
	printf("@held %llu %llu\n", (unsigned long long)rounds, (unsigned long long)wrong);
	return 0;
}
