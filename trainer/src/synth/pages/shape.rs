//! What an element's own tag and neighbourhood say of it, before its text is read.

use super::blocks::name;
use dom_query::NodeRef;

/// Words in an element's class, id or role that mark what surrounds a text on most pages of a site. The lists of
/// Readability and of trafilatura were looked at for the ideas; the words are what our own pages need.
const AROUND: [&str; 47] = [
    "nav",
    "navbar",
    "navigation",
    "menu",
    "submenu",
    "footer",
    "sidebar",
    "breadcrumb",
    "breadcrumbs",
    "cookie",
    "cookies",
    "consent",
    "gdpr",
    "banner",
    "share",
    "sharing",
    "social",
    "related",
    "recommended",
    "recommendations",
    "newsletter",
    "subscribe",
    "subscription",
    "promo",
    "promotion",
    "advert",
    "advertisement",
    "ad",
    "ads",
    "sponsored",
    "pagination",
    "pager",
    "toolbar",
    "popup",
    "modal",
    "overlay",
    "copyright",
    "login",
    "signin",
    "signup",
    "complementary",
    "contentinfo",
    "search",
    "topbar",
    "masthead",
    "trending",
    "skip",
];

/// Whether the element is shown to nobody.
pub(super) fn is_hidden(node: &NodeRef<'_>) -> bool {
    node.element_ref().is_some_and(|element| {
        element.attrs.iter().any(|attr| match &*attr.name.local {
            "hidden" => true,
            "aria-hidden" => attr.value.eq_ignore_ascii_case("true"),
            "style" => {
                let style: String = attr.value.chars().filter(|c| !c.is_whitespace()).collect();
                style.contains("display:none") || style.contains("visibility:hidden")
            }
            _ => false,
        })
    })
}

/// Whether the element is what surrounds a text: navigation, the foot of a page, a notice about cookies.
pub(super) fn is_around(node: &NodeRef<'_>) -> bool {
    let Some(element) = node.element_ref() else { return false };
    match &*element.name.local {
        "nav" | "footer" | "aside" => return true,
        // What is inside these two is the text, whatever they are called.
        "body" | "main" | "article" | "html" => return false,
        _ => {}
    }
    element.attrs.iter().any(|attr| {
        matches!(&*attr.name.local, "class" | "id" | "role")
            && attr
                .value
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| AROUND.iter().any(|around| word.eq_ignore_ascii_case(around)))
    })
}

/// Whether a list or table only arranges the page: it holds headings, code or whole articles, or its items hold several
/// paragraphs each.
pub(super) fn is_arranged(group: &NodeRef<'_>) -> bool {
    let (mut items, mut paragraphs) = (0_usize, 0_usize);
    for node in group.descendants_it() {
        let Some(name) = name(&node) else { continue };
        match &*name {
            "h1" | "h2" | "h3" | "h4" | "pre" | "article" | "table" | "form" => return true,
            "li" | "td" | "th" | "dd" => items += 1,
            "p" => paragraphs += 1,
            _ => {}
        }
    }
    paragraphs > items
}
