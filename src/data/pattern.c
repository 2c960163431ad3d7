/* pattern.c: see pattern.h. */
#include "data/pattern.h"

#include "base/text.h"

tn_status data_pattern_init(data_pattern *p, const char *text, const char *what, base_error *e)
{
    *p = (data_pattern){0};
    if (!text)
        return TN_OK;
    const int code = regcomp(&p->regex, text, REG_EXTENDED);
    if (code != 0) {
        char why[200];
        (void)regerror(code, &p->regex, why, sizeof why);
        return base_fail(e, TN_INVALID, "%s: '%s' is no regular expression: %s", what, BASE_SHOW(text), why);
    }
    p->given = true;
    return TN_OK;
}

void data_pattern_clear(data_pattern *p)
{
    if (p->given)
        regfree(&p->regex);
    p->given = false;
}

bool data_pattern_matches(const data_pattern *p, const char *name)
{
    return p->given && regexec(&p->regex, name, 0, NULL, 0) == 0;
}

bool data_pattern_group(const data_pattern *p, const char *name, base_str *to)
{
    regmatch_t match[2];
    if (!p->given || regexec(&p->regex, name, 2, match, 0) != 0)
        return false;
    const regmatch_t *m = match[1].rm_so >= 0 ? &match[1] : &match[0];
    base_str_bytes(to, name + m->rm_so, (size_t)(m->rm_eo - m->rm_so));
    return true;
}
