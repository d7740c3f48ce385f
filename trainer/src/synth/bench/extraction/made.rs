//! Pages shaped as those of the web are, for the speed alone: a third scripts and styles, a third navigation and
//! wrappers, the rest an article with related links and comments. Seed 6.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Write;

const WORDS: &str = "the a of and to in that it was for on with as at by from this which had not are but have were their \
    harbour engine garden winter council bridge river market letter teacher kitchen station morning evening window paper \
    question answer reason system method measure water stone copper light shadow music travel border village machine";

struct Maker {
    rng: ChaCha8Rng,
    words: Vec<&'static str>,
    page: String,
}

impl Maker {
    fn words(&mut self, count: usize) -> String {
        let picked: Vec<&str> =
            (0..count).map(|_| self.words[self.rng.random_range(0..self.words.len())]).collect();
        picked.join(" ")
    }

    fn put(&mut self, text: &str) {
        self.page.push_str(text);
    }

    fn script(&mut self, bytes: usize) {
        self.put("<script>(function(){");
        let until = self.page.len() + bytes;
        while self.page.len() < until {
            let (a, b) = (self.rng.random_range(0..9999), self.rng.random_range(0..9999));
            let _ = write!(
                self.page,
                "var v{a}=function(t,e){{if(t<{b}&&e>0){{return t.push({{id:\"m{a}\",n:{b}}})}}}};"
            );
        }
        self.put("})();</script>\n<style>");
        for n in 0..bytes / 90 {
            let _ = writeln!(
                self.page,
                ".c-card__{n}>.title{{margin:0 auto;padding:{n}px 12px;font:400 14px/1.4 serif}}"
            );
        }
        self.put("</style>\n");
    }

    fn links(&mut self, count: usize) {
        self.put("<ul class=\"nav-list nav-list--horizontal js-nav\" data-track=\"nav:main\">\n");
        for n in 0..count {
            let text = self.words(2);
            let _ = writeln!(
                self.page,
                "<li class=\"nav-list__item nav-list__item--{n}\"><a class=\"nav-link\" href=\"/section/{n}\" data-id=\"{n}\">\
                 <svg class=\"icon\" viewBox=\"0 0 24 24\"><path d=\"M12 2 L2 7 L12 {n} L22 7 Z\"/></svg><span>{text}</span></a></li>"
            );
        }
        self.put("</ul>\n");
    }

    fn article(&mut self, bytes: usize) {
        let title = self.words(6);
        let _ = writeln!(self.page, "<article class=\"article\"><h1>{title}</h1>");
        let until = self.page.len() + bytes;
        while self.page.len() < until {
            let (one, two, link) = (self.words(40), self.words(25), self.words(2));
            let _ = writeln!(
                self.page,
                "<p class=\"article__p\">{one}, and {two}, <a href=\"/topic\">{link}</a>. <em>{link}</em>, {one}.</p>"
            );
            if self.rng.random_bool(0.15) {
                let heading = self.words(4);
                let _ = writeln!(
                    self.page,
                    "<h2>{heading}</h2><figure><img src=\"/i.jpg\" alt=\"\" loading=\"lazy\"></figure>"
                );
            }
        }
        self.put("</article>\n");
    }

    fn cards(&mut self, count: usize) {
        for n in 0..count {
            let (title, teaser) = (self.words(7), self.words(14));
            let _ = writeln!(
                self.page,
                "<div class=\"card-wrapper\"><div class=\"card card--teaser\" data-pos=\"{n}\"><div class=\"card__media\"><a href=\"/a/{n}\">\
                 <img src=\"/t/{n}.jpg\" alt=\"\"></a></div><div class=\"card__body\"><h3><a href=\"/a/{n}\">{title}</a></h3><p>{teaser}</p></div></div></div>"
            );
        }
    }
}

/// `count` pages of 20 to 200 KB.
pub(super) fn pages(count: usize) -> Vec<String> {
    let mut maker = Maker {
        rng: ChaCha8Rng::seed_from_u64(6),
        words: WORDS.split_whitespace().collect(),
        page: String::new(),
    };
    (0..count).map(|_| page(&mut maker)).collect()
}

fn page(maker: &mut Maker) -> String {
    let size = maker.rng.random_range(20_000..200_000_usize);
    maker
        .put("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>A made page</title>\n");
    maker.script(size / 6);
    maker.put("</head><body class=\"page\"><!-- start --><header class=\"site-header\"><nav>\n");
    maker.links(size / 1500);
    maker.put("</nav></header><div class=\"layout\"><div class=\"layout__main\"><main>\n");
    maker.article(size / 4);
    maker.put("</main></div><div class=\"layout__side sidebar\">\n");
    maker.cards(size / 2200);
    maker.put("</div></div><section class=\"comments\">\n");
    for _ in 0..size / 8000 {
        let text = maker.words(30);
        let _ = writeln!(maker.page, "<div class=\"comment\"><p>{text}</p></div>");
    }
    maker.put("</section><footer>\n");
    maker.links(size / 3000);
    maker.put("</footer>\n");
    maker.script(size / 12);
    maker.put("</body></html>\n");
    std::mem::take(&mut maker.page)
}
