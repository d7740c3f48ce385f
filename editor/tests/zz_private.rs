use amend_editor::*;
use amend_proto::Message;
use std::collections::*;

async fn editor(edits: Vec<NewEdit>) -> (Editor, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let editor = Editor::open(EditorOptions::new(dir.path().join("a.db"))).await.unwrap();
    for chunk in edits.chunks(500) {
        editor.add(AddEdits { edits: chunk.to_vec(), idempotency_key: None }).await.unwrap();
    }
    (editor, dir)
}
fn hits(e: &Editor, q: &str) -> Vec<String> {
    e.preview(&[Message::user(q)]).unwrap().edits.into_iter().map(|e| e.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn zsre() {
    let verbose = std::env::var("V").is_ok();
    for given in [true, false] {
        let data: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string("/work/shared/data/knowedit/zsre.json").unwrap())
                .unwrap();
        let half = data.len() / 2;
        // load half, the other half's questions are "other subject" (if subject differs)
        let s = |r: &serde_json::Value, k: &str| r[k].as_str().unwrap().to_owned();
        let edits: Vec<NewEdit> = data[..half]
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let e = NewEdit::new(format!("{} {}", s(r, "prompt"), s(r, "target_new").trim()))
                    .named(amend_proto::EditId::new(format!("e{i}")).unwrap());
                if given { e.about(s(r, "subject")) } else { e }
            })
            .collect();
        let subjects: HashSet<String> = data[..half].iter().map(|r| s(r, "subject")).collect();
        let (e, _d) = editor(edits).await;
        let (mut kept, mut loc, mut locn, mut port, mut portn) = (0, 0, 0, 0, 0);
        for (i, r) in data[..half].iter().enumerate() {
            let id = format!("e{i}");
            let same: Vec<usize> = data[..half]
                .iter()
                .enumerate()
                .filter(|(_, o)| s(o, "subject") == s(r, "subject"))
                .map(|(j, _)| j)
                .collect();
            let q = s(r, "rephrase_prompt");
            let h = hits(&e, &q);
            if h.contains(&id) || same.iter().any(|j| h.contains(&format!("e{j}"))) {
                kept += 1
            } else if verbose {
                println!("LOST {} | {} | {q} -> {h:?}", s(r, "subject"), s(r, "prompt"))
            }
            for l in r["locality"]["Relation_Specificity"].as_array().into_iter().flatten().take(1) {
                locn += 1;
                let q = l["prompt"].as_str().unwrap();
                if hits(&e, q).contains(&id) {
                    loc += 1;
                    if verbose {
                        println!("LOC {} | {q}", s(r, "prompt"))
                    }
                }
            }
            for (_, v) in r["portability"].as_object().unwrap() {
                for p in v.as_array().unwrap() {
                    portn += 1;
                    let q = p["prompt"].as_str().unwrap();
                    let h = hits(&e, q);
                    if h.contains(&id) {
                        port += 1
                    } else if verbose {
                        println!("PORT {} | {} | {q}", s(r, "prompt"), s(r, "target_new"))
                    }
                }
            }
        }
        let (mut inj, mut n) = (0, 0);
        for r in &data[half..] {
            if subjects.contains(&s(r, "subject")) {
                continue;
            }
            for q in [s(r, "prompt"), s(r, "rephrase_prompt")] {
                n += 1;
                let h = hits(&e, &q);
                if !h.is_empty() {
                    inj += 1;
                    let i: usize = h[0][1..].parse().unwrap();
                    println!("INJ {q} <- {} {}", s(&data[i], "prompt"), s(&data[i], "target_new"))
                }
            }
        }
        println!(
            "given={given} kept {kept}/{half} same-subject-other-relation injected {loc}/{locn} portability {port}/{portn} other-subject injected {inj}/{n}"
        );
    }
}

fn sections(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut m: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut cur = String::new();
    for l in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(n) = l.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            cur = n.into();
            continue;
        }
        m.entry(cur.clone()).or_default().push(l.trim_start_matches(['!', '~']).to_owned());
    }
    m
}

#[tokio::test(flavor = "multi_thread")]
async fn atlas() {
    let verbose = std::env::var("V").is_ok();
    let d = "/work/main/trainer/src/atlas/data/";
    let st = sections(&std::fs::read_to_string(format!("{d}statements.txt")).unwrap());
    let qs = sections(&std::fs::read_to_string(format!("{d}questions.txt")).unwrap());
    let small = sections(&std::fs::read_to_string(format!("{d}smalltalk.txt")).unwrap());
    let read = |f: &str| -> Vec<Vec<String>> {
        std::fs::read_to_string(format!("{d}{f}"))
            .unwrap()
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split('\t').map(str::to_owned).collect())
            .collect()
    };
    let (countries, elements, companies) =
        (read("countries.tsv"), read("elements.tsv"), read("companies.tsv"));
    let kinds: Vec<(&str, Vec<String>, Vec<String>)> = vec![
        (
            "capital",
            countries.iter().map(|r| r[0].clone()).collect(),
            countries.iter().map(|r| r[1].clone()).collect(),
        ),
        (
            "continent",
            countries.iter().map(|r| r[0].clone()).collect(),
            countries.iter().map(|r| r[2].clone()).collect(),
        ),
        (
            "currency",
            countries.iter().map(|r| r[0].clone()).collect(),
            countries.iter().map(|r| r[3].clone()).collect(),
        ),
        (
            "language",
            countries.iter().map(|r| r[0].clone()).collect(),
            countries.iter().map(|r| r[4].clone()).collect(),
        ),
        (
            "symbol",
            elements.iter().map(|r| r[0].clone()).collect(),
            elements.iter().map(|r| r[1].clone()).collect(),
        ),
        (
            "atomic number",
            elements.iter().map(|r| r[0].clone()).collect(),
            elements.iter().map(|r| r[2].clone()).collect(),
        ),
        (
            "chief executive",
            companies.iter().map(|r| r[0].clone()).collect(),
            companies.iter().map(|r| r[1].clone()).collect(),
        ),
        (
            "headquarters",
            companies.iter().map(|r| r[0].clone()).collect(),
            companies.iter().map(|r| r[2].clone()).collect(),
        ),
        (
            "employer",
            companies.iter().map(|r| r[3].clone()).collect(),
            companies.iter().map(|r| r[0].clone()).collect(),
        ),
        (
            "founder",
            companies.iter().map(|r| r[0].clone()).collect(),
            companies.iter().map(|r| r[4].clone()).collect(),
        ),
        (
            "president",
            countries.iter().map(|r| r[0].clone()).collect(),
            companies.iter().map(|r| r[4].clone()).collect(),
        ),
        (
            "population",
            countries.iter().map(|r| r[0].clone()).collect(),
            (0..200).map(|i| format!("{}", 1000 + i * 37)).collect(),
        ),
        (
            "mayor",
            countries.iter().map(|r| r[1].clone()).collect(),
            companies.iter().map(|r| r[4].clone()).collect(),
        ),
        (
            "price",
            companies.iter().map(|r| format!("the {} phone", r[0].split(' ').next().unwrap())).collect(),
            (0..200).map(|i| format!("{} dollars", 10 + i * 3)).collect(),
        ),
    ];
    let mut rng = 12345u64;
    let mut pick = |n: usize| {
        rng = rng.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (rng >> 33) as usize % n
    };
    let fill = |p: &str, s: &str, o: &str, st: &str| {
        let poss = if s.ends_with('s') { format!("{s}'") } else { format!("{s}'s") };
        let sub = p
            .replace("{s's}", &poss)
            .replace("{s}", s)
            .replace("{o}", o)
            .replace("{y}", "2031")
            .replace("{st}", st)
            .replace("{x}", "x");
        let mut c = sub.chars();
        c.next().map(|f| f.to_uppercase().chain(c).collect::<String>()).unwrap_or_default()
    };
    for mode in ["one", "three"] {
        for low in [false, true] {
            let mut tot = [0usize; 8];
            let mut per: BTreeMap<String, [usize; 2]> = BTreeMap::new();
            let mut rel: BTreeMap<String, [usize; 2]> = BTreeMap::new();
            for round in 0..700 {
                let n = if mode == "one" { 1 } else { 3 };
                let mut edits = vec![];
                let mut meta = vec![];
                for j in 0..n {
                    let (k, subs, objs) = &kinds[pick(kinds.len())];
                    let (Some(stm), Some(_)) = (st.get(*k), qs.get(&format!("{k} question"))) else {
                        continue;
                    };
                    let mut s;
                    loop {
                        s = subs[pick(subs.len())].clone();
                        if !meta.iter().any(|(_, m, _): &(String, String, String)| *m == s) {
                            break;
                        }
                    }
                    let o = objs[pick(objs.len())].clone();
                    let body = fill(&stm[pick(stm.len())], &s, &o, "");
                    let body = {
                        let mut c = body.chars();
                        let f = c.next().unwrap();
                        let w = &st["wrap"];
                        let wrap = &w[pick(w.len())];
                        let lower = if body.starts_with("The ")
                            || body.starts_with("People")
                            || body.starts_with("There ")
                        {
                            f.to_lowercase().chain(c).collect::<String>()
                        } else {
                            body.clone()
                        };
                        fill(wrap, &s, &o, &lower)
                    };
                    edits.push(NewEdit::new(body).named(amend_proto::EditId::new(format!("e{j}")).unwrap()));
                    meta.push((k.to_string(), s, o));
                }
                if edits.is_empty() {
                    continue;
                }
                let texts: Vec<String> = edits.iter().map(|e| e.text.clone()).collect();
                let (e, _d) = editor(edits).await;
                let (k, s, o) = meta[0].clone();
                let ask = |k: &str, s: &str, pick: &mut dyn FnMut(usize) -> usize| -> Option<String> {
                    let (ph, q) = (qs.get(&format!("{k} phrase"))?, qs.get(&format!("{k} question"))?);
                    Some(if pick(2) == 0 {
                        let q = &q[pick(q.len())];
                        let w = &qs["frame whole"];
                        fill(&w[pick(w.len())].replace("{q}", q), s, "", "")
                    } else {
                        let np = &ph[pick(ph.len())];
                        let f = &qs["frame any"];
                        fill(
                            &f[pick(f.len())]
                                .replace("{np-}", np.trim_start_matches("the "))
                                .replace("{np}", np),
                            s,
                            "",
                            "",
                        )
                    })
                };
                let case = |q: String| if low { q.to_lowercase() } else { q };
                let Some(q) = ask(&k, &s, &mut pick).map(case) else { continue };
                tot[0] += 1;
                let c = per.entry(k.clone()).or_default();
                c[1] += 1;
                if hits(&e, &q).contains(&"e0".to_owned()) {
                    tot[1] += 1;
                    c[0] += 1
                } else if verbose {
                    println!("LOST [{k}] {:?} | {q} -> {:?}", texts[0], hits(&e, &q))
                }
                // same subject other relation
                let same: Vec<&(&str, Vec<String>, Vec<String>)> =
                    kinds.iter().filter(|(k2, subs, _)| *k2 != k && subs.contains(&s)).collect();
                if !same.is_empty() {
                    let k2 = same[pick(same.len())].0;
                    if let Some(q) = ask(k2, &s, &mut pick).map(case) {
                        tot[2] += 1;
                        let c = rel.entry(format!("{k}>{k2}")).or_default();
                        c[1] += 1;
                        if hits(&e, &q).contains(&"e0".to_owned()) {
                            tot[3] += 1;
                            c[0] += 1;
                            if verbose {
                                println!("REL [{k}>{k2}] {:?} | {q}", texts[0])
                            }
                        }
                    }
                }
                // other subject same relation
                let subs = &kinds.iter().find(|(k2, _, _)| *k2 == k).unwrap().1;
                let s2 = subs[pick(subs.len())].clone();
                if !meta.iter().any(|(_, m, _)| *m == s2) {
                    if let Some(q) = ask(&k, &s2, &mut pick).map(case) {
                        tot[4] += 1;
                        if !hits(&e, &q).is_empty() {
                            tot[5] += 1;
                            println!("INJ {texts:?} | {q}")
                        }
                    }
                }
                if let Some(inv) = qs.get(&format!("{k} inverse question")) {
                    let q = case(fill(&inv[pick(inv.len())], "", &o, ""));
                    tot[6] += 1;
                    if hits(&e, &q).contains(&"e0".to_owned()) {
                        tot[7] += 1
                    } else if verbose {
                        println!("INV {:?} | {q}", texts[0])
                    }
                }
                if round % 10 == 0 {
                    for v in small.values() {
                        let q = &v[pick(v.len())];
                        if !hits(&e, q).is_empty() {
                            println!("SMALL {texts:?} | {q}")
                        }
                    }
                }
            }
            println!(
                "{mode} low={low} in-scope {}/{} other-relation {}/{} other-subject {}/{} inverse {}/{}",
                tot[1], tot[0], tot[3], tot[2], tot[5], tot[4], tot[7], tot[6]
            );
            println!("{per:?}\n{rel:?}");
        }
    }
}
