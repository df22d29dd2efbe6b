"""C texts that several tests build plugins from."""

from __future__ import annotations

from gates import GATE_C

# Variables of the kinds that plugins_c/variables.c has not.
MORE_VARIABLES = """
#include <wchar.h>
struct Opaque { int secret; };
struct Opaque hidden = {7};
int open_ended[] = {1, 2, 3};
const int fixed[2] = {1, 2};
const struct Pair { int first, second; } pair = {3, 4};
union Either { int whole; float real; } either = {5};
wchar_t wide = L'w';
wchar_t wide_text[8] = L"wide";
const wchar_t *wide_pointer = L"pointer";
long double precise = 0.5L;
char grid[2][4] = {"ab", "cd"};
char *writable = 0;
unsigned char key[4] = {1, 2, 3, 4};
enum Color { RED, BLUE = 3 } color = BLUE;
void shout(void) { if (writable) writable[0] = 'X'; }
struct Pair *pairs[2];
int pairs_sum(void) { return pairs[0]->first + pairs[1]->second; }
"""
MORE_VARIABLES_DECLARED = """
extern struct Opaque hidden;
extern int open_ended[];
extern const int fixed[2];
struct Pair { int first, second; };
extern const struct Pair pair;
union Either { int whole; float real; };
extern union Either either;
extern wchar_t wide;
extern wchar_t wide_text[8];
extern const wchar_t *wide_pointer;
extern long double precise;
extern char grid[2][4];
extern char *writable;
extern unsigned char key[4];
enum Color { RED, BLUE = 3 };
extern enum Color color;
void shout(void);
extern struct Pair *pairs[2];
int pairs_sum(void);
"""

# Functions that call two callbacks in one call, made for it or kept.
PAIRS = """
typedef int (*handler_t)(int event);
static handler_t kept;
void keep(handler_t h) { kept = h; }
int both(handler_t a, handler_t b) { return a(1) + b(2); }
int all(handler_t a) { return a(1) + (kept ? kept(2) : 0); }
int late(void) { return kept(1) + kept(2); }
"""
PAIRS_DECLARED = """
typedef int (*handler_t)(int event);
void keep(handler_t h);
int both(handler_t a, handler_t b);
int all(handler_t a);
int late(void);
"""

# A plugin, and the next version of it.
NUMBER = "int number(void);"
SEVEN = "int number(void) { return 7; }"
EIGHT = "int number(void) { return 8; }"

# A constructor that waits at the gate that the environment names, and leaves a trace.
GATED_CONSTRUCTOR = f"""
#include <stdio.h>
#include <stdlib.h>
{GATE_C}
int passed; /* 1 if the gate was opened */
static int runs;
__attribute__((constructor)) static void construct(void) {{
    const char *gate = getenv("NATIVEPLUG_GATE"), *path = getenv("NATIVEPLUG_CONSTRUCTOR_LOG");
    int arrived, opened;
    if (gate != NULL && sscanf(gate, "%d %d", &arrived, &opened) == 2)
        passed = pass_gate(arrived, opened);
    runs++;
    FILE *log = path == NULL ? NULL : fopen(path, "a");
    if (log != NULL) {{
        fprintf(log, "constructed in process %ld\\n", (long)getpid());
        fclose(log);
    }}
}}
int constructed(void) {{ return runs; }} /* how often the constructor of this copy ran: 1 */
"""
GATED_CONSTRUCTOR_DECLARED = "int constructed(void); extern int passed;"

#: Statements that make denormal numbers zero in the thread, as crtfastmath.o does.
FLUSH = """
#ifdef __x86_64__
    unsigned mode;
    __asm__ volatile("stmxcsr %0" : "=m"(mode));
    mode |= 0x8040;
    __asm__ volatile("ldmxcsr %0" : : "m"(mode));
#elif defined(__aarch64__)
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    mode |= 1UL << 24;
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#endif
"""
