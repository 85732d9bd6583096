/* call_constraint.c - what a valid call looks like, as the text of a grammar: a JSON Schema
 * for the formats that are JSON, GBNF for those that are a name and a bracket. */
#include "think/tool/call_format.h"

#include "base/mem.h"
#include "format/json.h"
#include "think/tool/call_rules.h"

#include <string.h>

/* --- JSON Schema --------------------------------------------------------------------- */

/* "#/$defs/x" of a tool's schema is "#/$defs/NAME/$defs/x" of the whole. */
static json_t *moved_reference(const char *ref, const char *name)
{
    Str moved = {0};
    str_printf(&moved, "#/$defs/%s%s", name, ref + 1);
    json_t *out = moved.failed ? NULL : json_string(str_c(&moved));
    str_release(&moved);
    return out;
}

static bool move_references(json_t *schema, const char *name, int depth)
{
    const char *key;
    json_t *part;
    void *next;
    size_t i;
    bool fits = depth < 64;
    json_object_foreach_safe(schema, next, key, part)
    {
        if (strcmp(key, "$ref") == 0 && json_is_string(part) &&
            json_string_value(part)[0] == '#')
            fits = fits && json_object_set_new(
                               schema, key,
                               moved_reference(json_string_value(part), name)) == 0;
        else
            fits = fits && move_references(part, name, depth + 1);
    }
    json_array_foreach(schema, i, part)
    {
        fits = fits && move_references(part, name, depth + 1);
    }
    return fits;
}

/* {"type": "object", "properties": {"name": {"const": NAME}, "arguments": {"$ref": ...}},
 * ...} */
static json_t *call_of(const char *name)
{
    Str where = {0};
    str_printf(&where, "#/$defs/%s", name);
    json_t *out = json_pack("{s:s, s:{s:{s:s}, s:{s:s}}, s:[s,s], s:b}", "type",
                            "object", "properties", "name", "const", name, "arguments",
                            "$ref", str_c(&where), "required", "name", "arguments",
                            "additionalProperties", 0);
    str_release(&where);
    return out;
}

static Status put_schema(const Toolbox *box, Str *out, Err *err)
{
    json_t *any = json_array(), *defs = json_object(), *root = json_object();
    bool fits = any && defs && root;
    for (size_t i = 0; fits && i < box->n; i++) {
        const Tool *t = &box->tools[i];
        json_t *schema = json_deep_copy(t->parameters);
        fits = schema && move_references(schema, t->name, 0);
        fits = json_object_set_new(defs, t->name, schema) == 0 && fits;
        fits = fits && json_array_append_new(any, call_of(t->name)) == 0;
    }
    fits = fits && json_object_set(root, "anyOf", any) == 0 &&
           json_object_set(root, "$defs", defs) == 0;
    if (fits)
        json_append(out, root);
    json_decref(any);
    json_decref(defs);
    json_decref(root);
    return fits ? str_check(out, err)
                : err_set(err, ERR_NOMEM, "no memory for the schema of the tools");
}

/* --- GBNF ---------------------------------------------------------------------------- */

/* The calculator's grammar (calculator.h), with at most one space around a sign. */
#define EXPRESSION_RULES                                                               \
    "expression ::= product (\" \"? (\"+\" | \"-\" | \"\u2212\") \" \"? product)*\n"   \
    "product ::= factor (\" \"? (\"*\" | \"\u00d7\" | \"//\" | \"/\" | \"\u00f7\" | "  \
    "\"%\") "                                                                          \
    "\" \"? factor)*\n"                                                                \
    "factor ::= (\"-\" | \"\u2212\")? power\n"                                         \
    "power ::= primary (\"^\" factor)?\n"                                              \
    "primary ::= number | \"(\" expression \")\" | (\"abs\" | \"sqrt\" | \"round\") "  \
    "\"(\" "                                                                           \
    "expression \")\" | \"round(\" expression \", \" [0-9] [0-9]? \")\" | (\"min\" | " \
    "\"max\" | "                                                                       \
    "\"gcd\") \"(\" expression (\", \" expression)+ \")\"\n"                           \
    "number ::= [0-9]+ (\".\" [0-9]+)?\n"

#define OBJECT_RULES                                                                   \
    "object ::= \"{\" (member (\", \" member)*)? \"}\"\n"                              \
    "member ::= string \": \" value\n"                                                 \
    "value ::= object | array | string | json-number | \"true\" | \"false\" | "        \
    "\"null\"\n"                                                                       \
    "array ::= \"[\" (value (\", \" value)*)? \"]\"\n"                                 \
    "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1f] | \"\\\\\" [\"\\\\/bfnrt])* \"\\\"\"\n" \
    "json-number ::= \"-\"? (\"0\" | [1-9] [0-9]*) (\".\" [0-9]+)? ([eE] [+-]? "       \
    "[0-9]+)?\n"

Span call_rules_expression(void)
{
    return SPAN("root ::= expression\n" EXPRESSION_RULES);
}

Span call_rules_object(void)
{
    return SPAN("root ::= object\n" OBJECT_RULES);
}

static const char plain_rule[] = "plain ::= [^\\x00-\\x1f]*\n";

bool call_takes_expression(const Tool *t)
{
    return strcmp(t->name, "calculator") == 0 && t->argument;
}

bool call_takes_text(const Tool *t)
{
    const json_t *of = json_object_get(json_object_get(t->parameters, "properties"),
                                       t->argument ? t->argument : "");
    const char *type = json_string_value(json_object_get(of, "type"));
    return t->argument && type && strcmp(type, "string") == 0;
}

static void put_rules(CallFormat format, const Toolbox *box, Str *out)
{
    bool expressions = false, texts = false, objects = false;
    str_puts(out, "root ::= ");
    for (size_t i = 0; i < box->n; i++) {
        const Tool *t = &box->tools[i];
        bool expression = call_takes_expression(t),
             text = !expression && call_takes_text(t);
        expressions = expressions || expression;
        texts = texts || text;
        objects = objects || (!expression && !text);
        str_printf(out, "%s\"%s%s\" %s \"%s\"", i ? " | " : "", t->name,
                   format == CALL_NATIVE ? "(" : "[",
                   expression ? "expression"
                   : text     ? "plain"
                              : "object",
                   format == CALL_NATIVE ? ")" : "]");
    }
    str_putc(out, '\n');
    str_puts(out, expressions ? EXPRESSION_RULES : "");
    str_puts(out, texts ? plain_rule : "");
    str_puts(out, objects ? OBJECT_RULES : "");
}

Status call_constraint(CallFormat format, const Toolbox *box, LmConstraintKind *kind,
                       Str *out, Err *err)
{
    if (box->n == 0)
        return err_set(err, ERR_OPTION, "there are no tools to call");
    if (format == CALL_HERMES || format == CALL_OPENAI) {
        *kind = LM_JSON_SCHEMA;
        return put_schema(box, out, err);
    }
    *kind = LM_GBNF;
    put_rules(format, box, out);
    return str_check(out, err);
}
