/* Purpose: variables of every kind, and functions that tell what C sees.
 * Exports: var_*, flag, letter, limit, version, Name, label, table, matrix,
 *          origin, cursor, hook; get_*, table_sum, matrix_sum, call_hook.
 * Used by: tests of reading and writing variables. */
#include "variables.h"

#include <stddef.h>

const int limit = 100;
const char version[] = "1.2.3";
char label[16] = "label";
int table[4] = {1, 2, 3, 4};
double matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
Point origin = {1, 2};
int *cursor = &table[0];
int (*hook)(int x) = NULL;

#define GETTER(type, getter, expression) \
    type getter(void)                    \
    {                                    \
        return expression;               \
    }

/* A scalar variable, its first value, and its getter. */
#define VARIABLE(type, variable, value, getter) \
    type variable = value;                      \
    GETTER(type, getter, variable)

VARIABLE(int8_t, var_int8, -8, get_int8)
VARIABLE(uint8_t, var_uint8, 8, get_uint8)
VARIABLE(int16_t, var_int16, -16, get_int16)
VARIABLE(uint16_t, var_uint16, 16, get_uint16)
VARIABLE(int32_t, var_int32, -32, get_int32)
VARIABLE(uint32_t, var_uint32, 32, get_uint32)
VARIABLE(int64_t, var_int64, -64, get_int64)
VARIABLE(uint64_t, var_uint64, 64, get_uint64)
VARIABLE(float, var_float, 0.5f, get_float)
VARIABLE(double, var_double, 2.5, get_double)
VARIABLE(bool, flag, true, get_flag)
VARIABLE(char, letter, 'n', get_letter)
VARIABLE(const char *, Name, "world", get_name)

GETTER(const char *, get_label, label)
GETTER(Point, get_origin, origin)
GETTER(int, get_cursor, *cursor)
GETTER(int, table_sum, table[0] + table[1] + table[2] + table[3])
GETTER(double, matrix_sum,
       matrix[0][0] + matrix[0][1] + matrix[0][2] + matrix[1][0] +
           matrix[1][1] + matrix[1][2])

int
call_hook(int x)
{
    return hook == NULL ? -1 : hook(x);
}
